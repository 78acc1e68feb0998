"""Options that several commands share, and how a result is written."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from citygoals.local.city_dir import LocalError

Data = Annotated[Path, Parameter(name="--data", help="Folder of the city.", env_var="CITYGOALS_DATA")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Write the result as JSON.")]
KeyFile = Annotated[Path | None, Parameter(name="--key-file", help="File with the API key to use.")]

DATA = Path(".citygoals")


def show(text: str) -> None:
    """Write a line for the person who asked."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_json(value: Any) -> None:
    """Write a result for a script."""
    show(json.dumps(value, indent=2, ensure_ascii=False))


def read_key(path: Path | None) -> str | None:
    """Return the key in a file. Raises LocalError if it cannot be read."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LocalError(f"--key-file {path}: {error.strerror}") from error


def counted(number: int, noun: str) -> str:
    """Return `1 event`, `12,345 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
