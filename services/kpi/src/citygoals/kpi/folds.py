"""Folds: all entries about one thing become items, standing or taken back. Pure.

A fold orders by (time, rank of the type, source, id) and never by arrival, so any order and number of deliveries of the
same entries gives the same items. Items without their anchor (a refund without its payment) do not exist yet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from citygoals.kpi.entries import Entry
from citygoals.kpi.facts import KIND_OF, RANK_OF, FactKind
from citygoals.shared.period import CityCalendar

MEMBER_MAX_CHARS = 80

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class Item(NamedTuple):
    """One effective event of a fact.

    `data` is the entry's own, and the anchor's for fields it lacks. `standing` is False for a closing or a merge that a
    later reopening took back, `reopened_after_s` whole seconds after it.
    """

    entry: Entry
    type: str
    data: Mapping[str, Any]
    day: date
    standing: bool = True
    reopened_after_s: int | None = None


class Fact(NamedTuple):
    """The fold of one thing's entries."""

    items: Sequence[Item]
    sources: Sequence[Entry]
    department: str | None = None
    district: str | None = None
    channel: str | None = None

    @property
    def entries(self) -> int:
        """How many entries stand behind the fact."""
        return len(self.sources)


NOTHING = Fact((), ())


def fold(entries: Iterable[Entry], calendar: CityCalendar) -> Fact:
    """Return the fact that the entries tell. They must be of one fact; the same entry given twice counts once."""
    unique = list({entry.key: entry for entry in entries}.values())
    if not unique:
        return NOTHING
    kind = KIND_OF.get(unique[0].type)
    if kind is None:
        return _of(unique, [_item(entry) for entry in unique], unique[0])
    if len(unique) > 1:
        unique.sort(key=_order)
    return _FOLDS[kind.fold](kind, unique, calendar)


def _order(entry: Entry) -> tuple[datetime, int, str, str]:
    return entry.at, RANK_OF[entry.type], entry.source, entry.id


def single(entry: Entry, calendar: CityCalendar) -> Fact:
    """Return the fact that one entry alone tells."""
    kind = KIND_OF.get(entry.type)
    if kind is None:
        return _of((entry,), [_item(entry)], entry)
    return _FOLDS[kind.fold](kind, [entry], calendar)


def _of(entries: Sequence[Entry], items: Sequence[Item], anchor: Entry | None, department: Any = None) -> Fact:
    if anchor is None:
        return Fact((), entries)
    data = anchor.data
    return Fact(
        items, entries, _member(department or data.get("department")), district_of(data), _member(data.get("channel"))
    )


def district_of(data: Mapping[str, Any]) -> str | None:
    """Return the district as the member of a slice."""
    return _member(data.get("district"))


def _member(value: Any) -> str | None:
    """Return a short text or an integer as the member of a slice; anything else is none.

    Where a type does not declare the field, it holds whatever its publisher likes, and one key that no index can take
    would stop every event of the city.
    """
    if value.__class__ is not str and value.__class__ is not int:
        return None
    text = str(value)
    return text if 0 < len(text) <= MEMBER_MAX_CHARS else None


def _item(entry: Entry, anchor: Entry | None = None) -> Item:
    data = entry.data if anchor is None or anchor is entry else {**anchor.data, **entry.data}
    return Item(entry, entry.type, data, entry.day)


def _last(_kind: FactKind, entries: list[Entry], _calendar: CityCalendar) -> Fact:
    """The last statement about the thing is the one that counts: a later one corrects it."""
    return _of(entries, (_item(entries[-1]),), entries[-1])


def _series(_kind: FactKind, entries: list[Entry], _calendar: CityCalendar) -> Fact:
    """Every entry stands for itself."""
    return _of(entries, [_item(entry) for entry in entries], entries[0])


def _lifecycle(kind: FactKind, entries: list[Entry], _calendar: CityCalendar) -> Fact:
    """The first anchor, and every step that is not an anchor; the steps take what they lack from it."""
    anchor = _first(entries, kind.anchor)
    if anchor is None:
        return Fact((), entries)
    items = [_item(entry, anchor) for entry in entries if entry is anchor or entry.type != kind.anchor]
    return _of(entries, items, anchor)


def _first(entries: Iterable[Entry], event_type: str) -> Entry | None:
    return next((entry for entry in entries if entry.type == event_type), None)


_REFUNDED, _CHARGED_BACK, _VOIDED = (f"city.payment.{fact}.v1" for fact in ("refunded", "charged_back", "voided"))


def _payment(kind: FactKind, entries: list[Entry], _calendar: CityCalendar) -> Fact:
    """The first settlement and each reversal once by its id; a void removes them all, whenever it happened."""
    anchor = _first(entries, kind.anchor)
    if anchor is None:
        return Fact((), entries)
    void = _first(entries, _VOIDED)
    if void is not None:
        return _of(entries, (_item(void, anchor),), anchor)
    reversals: dict[str, Entry] = {}
    for entry in entries:
        if entry.type in (_REFUNDED, _CHARGED_BACK):
            reversals.setdefault(str(entry.data.get("reversal_id")), entry)
    return _of(entries, [_item(anchor), *(_item(entry, anchor) for entry in reversals.values())], anchor)


_OPENED, _ACKNOWLEDGED, _ASSIGNED, _CLOSED, _MERGED, _REOPENED = (
    f"city.service_request.{fact}.v1" for fact in ("opened", "acknowledged", "assigned", "closed", "merged", "reopened")
)


def _service_request(_kind: FactKind, entries: list[Entry], _calendar: CityCalendar) -> Fact:
    """Open until closed or merged, until reopened; a reopening takes its closing back. The last assignment owns it all.

    A request is opened once, and its first acknowledgement is the first response: later ones answer nobody.
    """
    anchor = _first(entries, _OPENED)
    if anchor is None:
        return Fact((), entries)
    department = next((entry.data.get("department") for entry in reversed(entries) if entry.type == _ASSIGNED), None)
    once = {_OPENED: anchor, _ACKNOWLEDGED: _first(entries, _ACKNOWLEDGED)}
    items: list[Item] = []
    closing = range(0)  # where in `items` the standing closing is
    for entry in entries:
        if entry.type in (_CLOSED, _MERGED):
            if not closing:
                first = len(items)
                items += _closing(entry, anchor)
                closing = range(first, len(items))
        elif entry.type == _REOPENED:
            if closing:
                _take_back(items, closing, entry)
                closing = range(0)
                items.append(_item(entry, anchor))
        elif once.get(entry.type, entry) is entry:
            items.append(_item(entry, anchor))
    return _of(entries, items, anchor, department)


def _closing(entry: Entry, anchor: Entry) -> list[Item]:
    """A merge closes with reason `duplicate`, and is an item of its own type as well."""
    item = _item(entry, anchor)
    if entry.type == _CLOSED:
        return [item]
    return [item._replace(type=_CLOSED, data={**item.data, "reason": "duplicate"}), item]


def _take_back(items: list[Item], places: Iterable[int], reopening: Entry) -> None:
    for place in places:
        after_s = (reopening.at - items[place].entry.at) // _SECOND
        items[place] = items[place]._replace(standing=False, reopened_after_s=after_s)


def _measurement(_kind: FactKind, entries: list[Entry], calendar: CityCalendar) -> Fact:
    """The last measurement of each period, on the last local day of the period that it names."""
    items: dict[date, Item] = {}
    for entry in entries:
        day = _last_day(entry.data.get("period"), calendar)
        if day is not None:
            items[day] = _item(entry)._replace(day=day)
    return _of(entries, list(items.values()), entries[0])


def _last_day(label: Any, calendar: CityCalendar) -> date | None:
    """Return None for what is no period, and for `all` and rolling periods without a day, which never end."""
    if not isinstance(label, str) or label == "all" or (label.startswith("last-") and "@" not in label):
        return None
    try:
        return calendar.parse(label, date.min).end - _DAY
    except (ValueError, OverflowError):
        return None


_COUNTERS = ("impressions", "interactions")


def _counter(_kind: FactKind, entries: list[Entry], _calendar: CityCalendar) -> Fact:
    """Growing totals become differences to the snapshot before, the first from zero; platforms restate downward too."""
    before = dict.fromkeys(_COUNTERS, 0)
    items: list[Item] = []
    for entry in entries:
        now = {name: entry.data[name] for name in _COUNTERS if entry.data.get(name).__class__ is int}
        growth = {name: value - before[name] for name, value in now.items()}
        before |= now
        items.append(Item(entry, entry.type, {**entry.data, **growth}, entry.day))
    return _of(entries, items, entries[0])


_FOLDS: dict[str, Callable[[FactKind, list[Entry], CityCalendar], Fact]] = {
    "last": _last,
    "series": _series,
    "lifecycle": _lifecycle,
    "payment": _payment,
    "service_request": _service_request,
    "measurement": _measurement,
    "counter": _counter,
}
