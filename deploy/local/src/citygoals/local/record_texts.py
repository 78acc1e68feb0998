"""Commitments and narratives as the command line reads and writes them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from citygoals.local.city_dir import LocalError, UsageError

_TARGET = re.compile(r"(?P<kpi>[^=\s]+)=(?P<low>(?:(?!\.\.)\S)+)(?:\.\.(?P<high>\S+))?\Z")

Row = Mapping[str, Any]


def target_of(text: str) -> dict[str, str]:
    """Return the target that `MC-01=0.80`, or the band that `MC-02=0.95..1.05` says. Raises UsageError."""
    match = _TARGET.match(text)
    if match is None:
        raise UsageError(f"{text!r} is no target: write MC-01=0.80, or MC-02=0.95..1.05 for a band")
    kpi, low, high = match["kpi"], match["low"], match["high"]
    return {"kpi": kpi, "value": low} if high is None else {"kpi": kpi, "low": low, "high": high}


def read_targets(path: Path) -> list[Any]:
    """Return the targets of a YAML or JSON file, every number as it is written there. Raises LocalError."""
    try:
        found = YAML(typ="base").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise LocalError(f"{path}: {error}") from error
    listed = found.get("targets") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise LocalError(f"{path}: expected a list of targets, each with `kpi` and `value`, or `low` and `high`")
    return listed


def aim(target: Row) -> str:
    """Return what a target aims at, in the form in which it can be given again."""
    said = target["value"] if target["value"] is not None else f"{target['low']}..{target['high']}"
    return said if target["tolerance"] is None else f"{said} (tolerance {target['tolerance']})"


def commitment_line(one: Row) -> str:
    """Return a commitment as one line of a list."""
    return f"{one['id']:<40} {one['state']:<10} version {one['version']:<4} {len(one['targets'])} targets{_sample(one)}"


def commitment_lines(one: Row) -> Iterator[str]:
    """Yield a commitment whole: its targets, its history, and what can become of it."""
    yield f"{one['department']}, {one['fiscal_year']}: {one['state']}, version {one['version']}{_sample(one)}"
    for target in one["targets"]:
        yield f"  {target['kpi']:<10} {aim(target):<16} {target['note'] or ''}".rstrip()
    yield from _history(one)


def narrative_line(one: Row) -> str:
    """Return a narrative as one line of a list."""
    public = ", public" if one["is_public"] else ""
    return f"{one['id']:<24} {one['state']:<10} version {one['version']:<4} by {one['author']}{public}{_sample(one)}"


def narrative_lines(one: Row) -> Iterator[str]:
    """Yield a narrative whole: its text, its history, and what can become of it."""
    public = ", read by the public" if one["is_public"] else ""
    yield f"{one['kpi']}, {one['period']}: {one['state']}{public}, version {one['version']}{_sample(one)}"
    for language in ("en", "es"):
        if one["text"][language] is not None:
            yield f"[{language}] {one['text'][language]}"
    yield from _history(one)


def _history(one: Row) -> Iterator[str]:
    yield "history:"
    for act in one["history"]:
        reason = f": {act['reason']}" if act["reason"] else ""
        what = f"moved to {act['state']}" if act["what"] == "moved" else act["what"]
        yield f"  {act['at']} {what} by {act['by']}{reason}"
        yield from (f"    {_change(change)}" for change in act.get("changes", ()))
    yield f"next: {', '.join(one['legal']) or 'nothing; it is final'}"


def _change(change: Row) -> str:
    before, after = (None if change[name] is None else aim(change[name]) for name in ("before", "after"))
    return f"{change['kpi']}: {before or 'no target'} -> {after or 'no target'}"


def _sample(one: Row) -> str:
    return ", a sample that nobody has made" if one["sample"] else ""
