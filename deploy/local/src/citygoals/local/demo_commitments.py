"""The synthetic city's commitments and narratives, in different states. All of them say that nobody has made them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from citygoals.local.client import City

_NOTE = "Synthetic: made up for a demonstration"
_CLERK, _HEAD, _BUDGET = "Synthetic clerk", "Synthetic department head", "Synthetic budget office"
_TARGETS: dict[str, list[dict[str, Any]]] = {
    "municipal-court": [
        {"kpi": "MC-01", "value": "0.70", "note": _NOTE},
        {"kpi": "MC-02", "low": "0.95", "high": "1.05", "note": _NOTE},
    ],
    "library": [{"kpi": "LIB-01", "value": "125", "tolerance": "0.10", "note": _NOTE}],
    "animal-services": [{"kpi": "AS-01", "value": "0.92", "note": _NOTE}],
    "fire": [{"kpi": "FD-01", "value": "0.92", "note": _NOTE}],
}
_AMENDMENT: dict[str, Any] = {
    "targets": [{"kpi": "MC-01", "value": "0.65", "note": _NOTE}],
    "by": _BUDGET,
    "reason": "Synthetic: the payment portal came three months late",
}
_MOVES = {
    "municipal-court": ("reviewed", "signed", "locked"),
    "library": ("reviewed", "signed"),
    "animal-services": ("reviewed",),
    "fire": (),
}


@dataclass(frozen=True, slots=True)
class Making:
    """How one record came to be: each wish adds one act to its history, so that what is left to do can be told."""

    part: str
    id: str
    wishes: tuple[tuple[str, dict[str, Any]], ...]


def makings(today: date, year: str) -> Iterator[Making]:
    """Yield the commitments for the fiscal year, and narratives of it and of the month before."""
    for department, targets in _TARGETS.items():
        proposal = {"department": department, "fiscal_year": year, "targets": targets, "by": _CLERK, "sample": True}
        moves = [("/transitions", {"to": state, "by": _HEAD}) for state in _MOVES[department]]
        amendment = [("/amendments", _AMENDMENT)] if department == "municipal-court" else []
        yield Making("commitments", f"{department}-{year.lower()}", (("", proposal), *moves, *amendment))
    month = (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    yield _narrative("MC-01", year, "submitted", "approved")
    yield _narrative("FIN-02", month, "submitted", "approved")
    yield _narrative("CCC-01", month, "submitted")
    yield _narrative("SR-01", month)


def make(city: City, today: date, year: str) -> None:
    """Make all of them, or what is left to make of each. Raises LocalError where the city does not have such KPIs."""
    for making in makings(today, year):
        found = city.ask("kpi", f"/v1/{making.part}", role="admin", params={"limit": 1000})
        known = {one["id"]: one["version"] for one in found["items"]}
        for path, wish in making.wishes[known.get(making.id, 0) :]:
            whole = f"/v1/{making.part}/{making.id}{path}" if path else f"/v1/{making.part}"
            city.ask("kpi", whole, role="admin", method="POST", json=wish)


def _narrative(kpi: str, period: str, *states: str) -> Making:
    text = {
        "en": f"Synthetic: what the department in charge would say of {kpi} in {period} stands here.\n\n"
        "It explains what moved the number and what is done about it, in plain words.",
        "es": f"Sintético: aquí estaría lo que el departamento a cargo diría de {kpi} en {period}.\n\n"
        "Explica qué movió la cifra y qué se hace al respecto, en palabras sencillas.",
    }
    draft = {"kpi": kpi, "period": period, "text": text, "by": _CLERK, "sample": True}
    moves = (("/transitions", {"to": state, "by": _HEAD}) for state in states)
    return Making("narratives", f"{kpi}-{period}", (("", draft), *moves))
