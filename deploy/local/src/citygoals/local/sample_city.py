"""The sample plan, catalogue and departments, for a city that has none."""

from typing import Any

from citygoals.local.client import City

_YAML = {"content-type": "application/yaml"}
# Each file after those that it speaks of: KPIs belong to departments, the plan links KPIs.
_FILES = {"departments": "departments.yaml", "kpis": "kpis.yaml", "plan": "plan.yaml"}


def load_sample_city(city: City) -> list[str]:
    """Apply each sample file for which the city has nothing yet, and return the names. Raises LocalError."""
    missing = [path for path in _FILES if not city.ask("kpi", f"/v1/{path}", role="staff")["items"]]
    if missing:
        from citygoals.shared.sample import text_of

        for path in missing:
            name = _FILES[path]
            apply_file(city, path, name, text_of(name))
    return [_FILES[path] for path in missing]


def apply_file(city: City, path: str, name: str, text: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Have kpi apply a definition file (`path`: plan, kpis or departments) and return its answer.

    Raises LocalError with every mistake in the file, each with its line.
    """
    query = {"file": name, "dry_run": "true" if dry_run else "false"}
    answer: dict[str, Any] = city.ask(
        "kpi", f"/v1/{path}", role="staff", method="POST", params=query, content=text.encode(), headers=_YAML
    )
    return answer
