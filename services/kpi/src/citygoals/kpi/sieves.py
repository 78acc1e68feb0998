"""Sieves: which of the entries that a lineage looks at are worth reading their whole facts for. Pure.

Where what stands behind a figure may have begun long ago, nearly everything that begun then has long been over. A sieve
tells that from a fact's entries in the ledger, without reading them; what passes is folded and judged as everything is.
So a sieve may let through too much, and never keeps back what counts.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from citygoals.kpi.facts import KIND_OF

CLOSED, MERGED, REOPENED = (f"city.service_request.{fact}.v1" for fact in ("closed", "merged", "reopened"))

_DAY = timedelta(days=1)
_YEARS = (date(2, 1, 1), date(9998, 12, 31))


class Moved(NamedTuple):
    """What may be due at another time than its beginning says: it stood still, or says itself when it is due.

    `field` is where it says so, with a date from `first` to `last`. Where `may_be_any`, the entries do not tell.
    """

    pause: str | None
    field: str | None
    first: date
    last: date
    may_be_any: bool = False


class Lasting(NamedTuple):
    """What nothing has ended before a day; or, `comes_back`, what came in again later. A reopening may undo any end."""

    ends: frozenset[str]
    until: date
    comes_back: frozenset[str] = frozenset()


Sieve = Moved | Lasting


class Window(NamedTuple):
    """Days on which to look for entries, from the first on, without the second; through a sieve, or all of them."""

    first: date
    end: date
    sieve: Sieve | None = None


def moved(pause: str | None, field: str | None, start: str, days: tuple[date, date]) -> Moved | None:
    """Return the sieve for deadlines that are due on one of the days; None where nothing can move one.

    A due time may be written with any offset, so that its date may be the day before or after. Where the start lacks a
    field it may have that of its anchor, whose body is another one: only an anchor can be sieved by its own.
    """
    if pause is None and field is None:
        return None
    first, end = (min(max(day, _YEARS[0]), _YEARS[1]) for day in days)
    kind = KIND_OF.get(start)
    is_told = field is None or kind is None or kind.anchor == start
    return Moved(pause, field, first - _DAY, end + _DAY, may_be_any=not is_told)


def lasting(ends: Iterable[str], until: date, comes_back: Iterable[str] = ()) -> Lasting | None:
    """Return the sieve for what has not ended; None where an entry of these types may say nothing to its fact."""
    types = frozenset(ends)
    if not all(map(_always_says_something, types)) or (MERGED in types and CLOSED not in types):
        return None  # a merge of what is closed already is none
    return Lasting(types | ({MERGED} if CLOSED in types else frozenset()), until, frozenset(comes_back))


def _always_says_something(event_type: str) -> bool:
    kind = KIND_OF.get(event_type)
    return kind is not None and (
        kind.fold == "series" or (kind.fold in ("lifecycle", "service_request") and event_type != kind.anchor)
    )
