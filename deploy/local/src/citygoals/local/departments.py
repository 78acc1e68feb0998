"""Which department handles which service code, as a YAML map that says whose opinion it is."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

from citygoals.local.city_dir import LocalError
from citygoals.local.open311 import UNASSIGNED, Departments

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def load_departments(path: Path | None) -> Departments:
    """Return the map in a file, or the sample map (ours, not a city's). Raises LocalError that lists every mistake."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    name = str(path) if path else "the sample map"
    try:
        source = path or resources.files("citygoals.local") / "sample" / "departments_by_service.yaml"
        known = YAML(typ="safe", pure=True).load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalError(f"{name}: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise LocalError(f"{name} is not YAML: {error}") from error
    mistakes = _mistakes(known)
    if mistakes:
        raise LocalError("\n".join(f"{name}: {mistake}" for mistake in mistakes))
    codes = {str(code): department for code, department in (known["service_codes"] or {}).items()}
    return Departments(str(known.get("label") or (path.name if path else "sample")), codes)


def _mistakes(known: Any) -> list[str]:
    if not isinstance(known, dict) or not isinstance(known.get("service_codes", 0), dict | None):
        return ["it needs `service_codes:` with one `code: department` a line"]
    return [
        f"service code {code}: {department!r} is not a department id, such as streets-maintenance or {UNASSIGNED}"
        for code, department in (known["service_codes"] or {}).items()
        if not isinstance(department, str) or not _ID.fullmatch(department)
    ]
