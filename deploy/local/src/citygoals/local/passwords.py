"""Secrets of one machine: one file each, mode 0600, made once."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from citygoals.local.city_dir import write_private

_BYTES = 32


def password(folder: Path, name: str) -> str:
    """Return the secret of that name; the first call makes it (256 random bits)."""
    known = recall(folder, name)
    if known is not None:
        return known
    made = secrets.token_urlsafe(_BYTES)
    remember(folder, name, made)
    return made


def passwords(folder: Path, prefix: str, names: Iterable[str]) -> dict[str, str]:
    """Return `{name: secret}`; the files are called `<prefix>-<name>`."""
    return {name: password(folder, f"{prefix}-{name}") for name in names}


def recall(folder: Path, name: str) -> str | None:
    """Return a secret that was stored before, or None."""
    path = folder / name
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return text or None


def remember(folder: Path, name: str, value: str) -> None:
    """Store a secret, replacing the one of that name."""
    write_private(folder / name, value + "\n")


def named(folder: Path, prefix: str) -> list[str]:
    """Return the names stored below a prefix, sorted."""
    return sorted(path.name.removeprefix(f"{prefix}-") for path in folder.glob(f"{prefix}-*"))
