"""Publications as the API says them: as published beside as now known, and each restatement with its cause. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from citygoals.reporting.restatements import (
    CLOCK,
    DATA,
    DEFINITION,
    KINDS,
    NO_RESTATEMENTS,
    RULES,
    cause_of,
    difference,
)  # fmt: skip
from citygoals.reporting.sheet import Row
from citygoals.shared.instants import format_instant
from citygoals.shared.publication import Publication, Reason

Sums = Mapping[tuple[str, str], Mapping[str, Any]]
"""By KPI and kind of change: "positions", "numerator", "denominator", "last", "last_at"."""

NODE_NUMBERS = ("attainment", "coverage", "status")


def publication_row(one: Publication) -> Row:
    """Return what a list says of a publication."""
    labels = one.title.labels()
    withdrawal = one.withdrawal
    return {
        "id": one.id,
        "title": labels["en"],
        "labels": labels,
        "period": one.period,
        "plan": one.plan,
        "position": one.position,
        "preliminary": one.is_preliminary,
        "note": None if one.note is None else one.note.labels(),
        "state": one.state,
        "published_by": one.published_by,
        "published_at": format_instant(one.published_at),
        "withdrawal": None if withdrawal is None else {
            "reason": withdrawal.reason.labels(), "by": withdrawal.by, "at": format_instant(withdrawal.at),
        },
    }  # fmt: skip


def reason_row(one: Reason | None) -> Row | None:
    """Return why something was restated, None where nobody has said so."""
    if one is None:
        return None
    return {
        "kpi": one.kpi, "position": one.position, "text": one.reason.labels()["en"], "labels": one.reason.labels(),
        "by": one.by, "at": format_instant(one.at),
    }  # fmt: skip


def newest_first(publications: Iterable[Publication]) -> list[Publication]:
    """Return publications as a list shows them."""
    return sorted(publications, key=lambda one: (one.published_at, one.id), reverse=True)


def kpi_rows(
    published: Mapping[str, Row],
    now: Mapping[str, Row],
    sums: Sums,
    redefined: Mapping[str, list[str]],
    *,
    is_preliminary: bool,
) -> list[Row]:
    """Return each published figure beside the same as now known, and how it came from the one to the other.

    {"id", "title", "labels", "published": figure, "now": figure | null, "is_restated" (see there), "difference": {"numerator",
    "denominator", "value"}, "changes": {kind: {"positions", "numerator", "denominator", "last"}}, "redefined": [part of
    the definition...]}. The differences of all kinds add up to the difference.
    """
    return [
        {
            "id": name,
            "title": row["title"],
            "labels": row["labels"],
            "published": row,
            "now": now.get(name),
            "is_restated": is_restated(name, sums, is_preliminary=is_preliminary),
            "difference": difference(row, now.get(name)),
            "changes": {kind: _sum(sums.get((name, kind))) for kind in KINDS},
            "redefined": redefined[name],
        }
        for name, row in published.items()
    ]  # fmt: skip


def is_restated(name: str, sums: Sums, *, is_preliminary: bool) -> bool | None:
    """Say whether a later position restated a figure: time that passed does not.

    None for a preliminary one that took in events: only these tell whether they are late, or the period going on.
    """
    kinds = {kind for kpi, kind in sums if kpi == name}
    return None if is_preliminary and DATA in kinds and DEFINITION not in kinds else not kinds <= {CLOCK}


def _sum(one: Mapping[str, Any] | None) -> Row:
    if one is None:
        return {"positions": 0, "numerator": 0, "denominator": 0, "last": None}
    sizes = {name: int(one[name]) for name in ("numerator", "denominator")}
    return {"positions": one["positions"], **sizes, "last": {"position": one["last"], "recorded_at": format_instant(one["last_at"])}}  # fmt: skip


def node_rows(published: Mapping[str, Row], now: Mapping[str, Row]) -> list[Row]:
    """Return each published node beside the same over the figures as now known."""
    return [
        {
            "id": name, "kind": row["kind"], "title": row["title"], "labels": row["labels"], "published": row,
            "now": now.get(name), "is_restated": _node_numbers(row) != _node_numbers(now.get(name)),
        }
        for name, row in published.items()
    ]  # fmt: skip


def _node_numbers(row: Row | None) -> Row | None:
    return None if row is None else {name: row[name] for name in NODE_NUMBERS}


def restatement_row(
    row: Mapping[str, Any], told: Mapping[str, Any], parts: Sequence[str], reason: Reason | None, *, with_events: bool
) -> Row:
    """Return what the API says of one restatement; `told` is what kpi said of the events behind it."""
    causes: Mapping[str, int] = told.get("causes", {})
    kind = DEFINITION if told.get("rebuilt") else row["kind"]  # by other rules: nothing has happened
    cause = cause_of(kind, causes)
    before, after = row["before"], row["after"]
    events: Row = {"count": sum(causes.values())}
    if with_events:
        events["items"] = [_event(item) for item in told.get("items", ())]
    return {
        "position": row["position"],
        "recorded_at": format_instant(row["recorded_at"]),
        "kpi": row["kpi"],
        "before": before,
        "after": after,
        "difference": difference(before, after),
        "status": {"before": before and before["status"], "after": after and after["status"]},
        "kind": row["kind"],
        "cause": cause,
        "causes": dict(causes),
        "is_restatement": cause not in NO_RESTATEMENTS,
        "redefined": [RULES] if told.get("rebuilt") else list(parts),
        "events": events,
        "reason": reason_row(reason),
    }


def _event(item: Mapping[str, Any]) -> Row:
    return {**item, **{name: int(item[name]) for name in ("numerator", "denominator")}}
