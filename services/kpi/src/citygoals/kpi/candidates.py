"""Where a lineage looks for facts: entries of the ledger, window by window and some at a time."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi import store
from citygoals.kpi.questions import BEGINNING, Place, Question, Span, within
from citygoals.kpi.sieves import REOPENED, Lasting, Moved, Window
from citygoals.shared.period import Period
from citygoals.shared.postgres import Connection

READ_AT_ONCE = 200
READ_MAX = 3_000
"""Most facts that one answer reads; a page of a rare KPI may then be short, and still say how to go on."""

SIFTED_AT_ONCE = 2_000
SIFTED_MAX = 40_000
"""Most entries that one answer sieves, which takes a tenth of the time of reading their facts."""


class Candidate(NamedTuple):
    """A fact, by the entry through which it was found."""

    place: Place
    fact: UUID


class Look(NamedTuple):
    """Some candidates of a window, and where to go on after them: nowhere after the last."""

    window: int
    candidates: list[Candidate]
    onward: tuple[int, Place] | None


async def looks(connection: Connection, question: Question) -> AsyncIterator[Look]:
    """Yield looks from the question's place on, until the windows are through or it has been long enough."""
    windows = question.measure.windows(question.period, question.now)
    at: tuple[int, Place] | None = (question.window, question.after)
    spent = 0
    while at is not None and at[0] < len(windows) and spent < SIFTED_MAX:
        number, place = at
        some = _at_once(question, windows[number])
        rows = await _rows(connection, question, windows[number], place, some)
        found = [Candidate(_place(row), row["fact"]) for row in rows if row["wanted"]]
        spent += len(rows) + len(found) * (SIFTED_MAX // READ_MAX)
        at = (number, _place(rows[-1])) if len(rows) == some else (number + 1, BEGINNING)
        yield Look(number, found, at if at[0] < len(windows) else None)


def _at_once(question: Question, window: Window) -> int:
    return SIFTED_AT_ONCE if window.sieve is not None else max(2 * question.limit, READ_AT_ONCE)


async def _rows(connection: Connection, question: Question, window: Window, place: Place, some: int) -> list[Any]:
    span = within(question.measure, window.first, window.end)
    if span.first >= span.end:
        return []
    common = _common(span, question, place, some)
    if isinstance(window.sieve, Moved):
        return await connection.fetch(store.SQL.find_moved, *common, *_of_moved(window.sieve))
    if isinstance(window.sieve, Lasting):
        return await connection.fetch(store.SQL.find_lasting, *common, *_of_lasting(window.sieve, question))
    return await connection.fetch(store.SQL.find_candidates, *common)


def _common(span: Span, question: Question, place: Place, some: int) -> tuple[Any, ...]:
    return (sorted(span.types), max(span.first, place[0]), span.end, question.position, *place, some)


def _of_moved(sieve: Moved) -> tuple[Any, ...]:
    pattern = None if sieve.field is None else rf'"{sieve.field}":\s*"(\d{{4}}-\d\d-\d\d)'
    return sieve.may_be_any, pattern, sieve.first.isoformat(), sieve.last.isoformat(), sieve.pause


def _of_lasting(sieve: Lasting, question: Question) -> tuple[Any, ...]:
    until = question.measure.calendar.bounds(Period("rolling", sieve.until, sieve.until, ""))[0]
    return sorted(sieve.ends), until, sorted(sieve.comes_back), REOPENED


def _place(row: Any) -> Place:
    return row["occurred_at"], row["lane"], row["seq"]
