"""What a position announces: its changeset in parts, and an event for each status crossing. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

import orjson

from citygoals.kpi.board import Board
from citygoals.shared.changeset import SOURCE, SUBJECT, Changeset, encode_changeset
from citygoals.shared.exact import quotient_text
from citygoals.shared.figures import Crossing, Figure
from citygoals.shared.instants import format_instant

CROSSED = "city.kpi.crossed.v1"
CROSSED_SUBJECT = "city.kpi.v1.crossed"
ATTAINMENT_PLACES = 4
BACKFILL_AGE = timedelta(hours=24)
"""Events older than this when they were admitted notify nobody."""


class Announcement(NamedTuple):
    """One message of the outbox."""

    subject: str
    msg_id: str
    body: bytes


class Moment(NamedTuple):
    """A position, when it was recorded, whether all that it brings is old news, and whether it changed a definition."""

    position: int
    recorded_at: datetime
    is_backfill: bool
    is_redefined: bool = False


def announcements(changeset: Changeset, moment: Moment, before: Board, after: Board) -> list[Announcement]:
    """Return the position's messages in the order in which they are to be published."""
    return [*changeset_messages(changeset), *crossing_messages(moment, before, after)]


def changeset_messages(changeset: Changeset) -> list[Announcement]:
    """Return the parts of the changeset."""
    parts = encode_changeset(changeset)
    return [Announcement(SUBJECT, f"{changeset.position}-{number}", body) for number, body in enumerate(parts, 1)]


def crossing_messages(moment: Moment, before: Board, after: Board) -> list[Announcement]:
    """Return an event for each figure and node that entered another status."""
    crossed = after.crossed(before)
    figures = (_crossing(moment, after, "kpi", one, _of_figure(after.figures[one.id])) for one in crossed.kpis)
    nodes = (_crossing(moment, after, "node", one, _of_node(after, one.id)) for one in crossed.nodes)
    return [*figures, *nodes]


def _crossing(moment: Moment, board: Board, kind: str, crossing: Crossing, about: dict[str, Any]) -> Announcement:
    identity = f"{moment.position}:{kind}:{crossing.id}:{board.period.grain}"
    data = {
        "position": moment.position,
        "kind": kind,
        "id": crossing.id,
        "period": board.period.label,
        "before": crossing.before,
        "after": crossing.after,
        "backfill": moment.is_backfill,
        "redefined": moment.is_redefined,
        **about,
    }
    event = {
        "specversion": "1.0",
        "type": CROSSED,
        "source": SOURCE,
        "id": identity,
        "time": format_instant(moment.recorded_at),
        "subject": crossing.id,
        "datacontenttype": "application/json",
        "data": data,
    }
    return Announcement(CROSSED_SUBJECT, identity, orjson.dumps(event))


def _of_figure(figure: Figure) -> dict[str, Any]:
    attainment = figure.attainment
    return {
        "title": figure.kpi.title.labels(),
        "department": figure.kpi.department,
        "internal": figure.kpi.internal,
        "value": figure.value,
        "unit": figure.kpi.unit,
        "attainment": None if attainment is None else quotient_text(*attainment, ATTAINMENT_PLACES),
    }


def _of_node(board: Board, identity: str) -> dict[str, Any]:
    node = board.nodes[identity]
    return {
        "title": node.definition.title.labels(),
        "department": None,
        "internal": False,
        "value": None,
        "unit": None,
        "attainment": node.attainment,
    }


def is_backfill(ages: Iterable[tuple[datetime, datetime]]) -> bool:
    """Say whether everything was older than a day when it was admitted: pairs of (occurred at, recorded at)."""
    pairs = iter(ages)
    first = next(pairs, None)
    return first is not None and all(recorded - occurred > BACKFILL_AGE for occurred, recorded in chain([first], pairs))
