"""The sample plans, catalogue and departments, for a city that has none."""

import time
from collections.abc import Iterable
from typing import Any

from citygoals.local.city_dir import LocalError
from citygoals.local.client import City
from citygoals.local.progress import progress

_POLL_S = 0.2
_YAML = {"content-type": "application/yaml"}


def load_sample_city(city: City) -> list[str]:
    """Apply the sample's files of each sort of which the city has nothing of its own. Return their names.

    Each file comes after those that it speaks of: KPIs belong to departments and look up calendars, plans link KPIs.
    Raises LocalError.
    """
    from citygoals.shared.sample import CATALOGUE_FILES, DEPARTMENT_FILES

    done: list[str] = []
    for path, names in (("departments", DEPARTMENT_FILES), ("kpis", CATALOGUE_FILES)):
        # The file that fills the list comes last: a city that was stopped half-way gets them all again.
        if not city.ask("kpi", f"/v1/{path}", role="staff")["items"]:
            done += _apply(city, path, names)
    return done + _apply(city, "plan", _missing_plans(city))


def apply_file(city: City, path: str, name: str, text: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Have kpi apply a definition file (`path`: plan, kpis or departments) and return its answer.

    Where a formula has to be computed first, that is waited for. Raises LocalError with every mistake in the file, each
    with its line.
    """
    query = {"file": name, "dry_run": "true" if dry_run else "false"}
    if path != "plan":
        query["wait"] = "1"
    answer: dict[str, Any] = city.ask(
        "kpi", f"/v1/{path}", role="staff", method="POST", params=query, content=text.encode(), headers=_YAML
    )
    return _computed(city, answer) if "pending" in answer else answer


def _computed(city: City, answer: dict[str, Any]) -> dict[str, Any]:
    """Wait until what is pending is applied and return the answer with its position. Raises LocalError."""
    identity = answer.pop("pending")["id"]
    with progress("computing", None) as advance:
        while True:
            draft = city.ask("kpi", f"/v1/drafts/{identity}", role="staff")
            if draft["state"] in {"applied", "unchanged"}:
                return {**answer, "applied": draft["state"] == "applied", "position": draft["position"]}
            if draft["state"] != "computing":
                raise LocalError(f"draft {identity} is {draft['state']}: {draft['error'] or 'somebody gave it up'}")
            advance(draft["entries"] or 0)
            time.sleep(_POLL_S)


def _missing_plans(city: City) -> list[str]:
    """Return the files of the plans that the city lacks; none where it has one of its own, or the last of ours."""
    from citygoals.shared.sample import PLAN_FILES, load_plans

    known = {(plan["id"], plan["version"]) for plan in city.ask("kpi", "/v1/plan", role="staff")["items"]}
    ours = [(plan.id, plan.version) for plan in load_plans()]
    if known - set(ours) or ours[-1] in known:
        return []
    return [name for name, plan in zip(PLAN_FILES, ours, strict=True) if plan not in known]


def _apply(city: City, path: str, names: Iterable[str]) -> list[str]:
    from citygoals.shared.sample import text_of

    applied = list(names)
    for name in applied:
        apply_file(city, path, name, text_of(name))
    return applied
