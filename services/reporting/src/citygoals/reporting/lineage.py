"""Both ways: from a figure down to its events, and from an event up to every number that its position moved.

Events are known only to kpi, which is asked over the bus; before and after are computed here, from history.
"""

from collections.abc import Mapping
from datetime import date

from citygoals.reporting.answers import stamp
from citygoals.reporting.cells import ROLLING, Mark, Needs
from citygoals.reporting.moments import Moments, Reader
from citygoals.reporting.present import Step
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.readmodel import Answer, ReadModel
from citygoals.reporting.sheet import Row
from citygoals.reporting.view import choose, known_kpi
from citygoals.shared.bus import Bus
from citygoals.shared.cells import kpi_of
from citygoals.shared.period import Period

LINEAGE = "city.ask.kpi.lineage"
ENTRY = "city.ask.kpi.entry"
UNMOVING = frozenset({"last_event", "preliminary"})  # a figure for which only these differ says the same number
PERIODS_MAX = 24  # fiscal years that one position may touch before an effects answer asks to name one


class Lineage:
    """Answers for analysts."""

    def __init__(self, reader: Reader, moments: Moments, bus: Bus) -> None:
        self._reader = reader
        self._moments = moments
        self._bus = bus
        self._model = ReadModel(reader, moments, analyst=True)

    async def events(
        self, kpi: str, *, period: str | None, as_of: str | None, cursor: str | None, limit: int
    ) -> Answer:
        """Return one page of the events behind a figure.

        {"items": [{"source", "id", "type", "time", "position", "numerator", "denominator", ...}...], "next", "as_of",
        "kpi", "period"}. Raises Unknown, Misread, Unavailable (kpi does not answer).
        """
        view = await self._model.view(period, as_of)
        known_kpi(view.definitions, kpi)
        asked = {"kpi": kpi, "position": view.mark.position, "cursor": cursor, "limit": limit}
        reply = await self._bus.request(LINEAGE, asked | _named(view.period))
        head = {"as_of": stamp(view.mark), "city_date": view.today.isoformat()}
        items = [{**one, **{name: int(one[name]) for name in ("numerator", "denominator")}} for one in reply["items"]]
        return {"items": items, "next": reply["next"], **head, "kpi": kpi, "period": view.period.label}

    async def effects(
        self,
        source: str,
        event_id: str,
        *,
        period: str | None = None,
        as_of: str | None = None,
        plan: str | None = None,
    ) -> Answer:
        """Return every figure and node that the position of one event moved, before and after it.

        {"as_of", "event": {"source", "id", "type", "lane", "seq", "recorded_at"}, "position", "previous", "periods",
        "kpis": [{"id", "period", "of_event", "before": figure, "after": figure}...],
        "nodes": [{"id", "period", "before": node, "after": node}...]}. Raises Unknown, Misread, Unavailable.
        """
        entry = await self._bus.request(ENTRY, {"source": source, "id": event_id})
        if not entry["found"]:
            raise Unknown(f"no event {event_id[:80]!r} of {source[:80]!r} has been counted")
        position: int = entry["position"]
        mark = await self._served(position, as_of)
        previous = position - 1
        periods = await self._periods(period, previous, position)
        moved_kpis: list[Row] = []
        moved_nodes: list[Row] = []
        for label in periods:
            before = await self._board(label, previous, plan, needs_plan=False)
            after = await self._board(label, position, plan, needs_plan=True)
            moved_kpis += _moved(before[0], after[0], period=label)
            moved_nodes += _moved(before[1], after[1], period=label)
        event = {"source": source, "id": event_id} | {
            name: entry.get(name) for name in ("type", "lane", "seq", "recorded_at")
        }
        head = {"as_of": stamp(mark), "city_date": self._day(mark), "position": position, "previous": previous}
        kpis = [{**one, "of_event": one["id"] in entry["kpis"]} for one in moved_kpis]
        return {**head, "event": event, "periods": periods, "kpis": kpis, "nodes": moved_nodes}

    async def _served(self, position: int, as_of: str | None) -> Mark:
        """Return the mark that the answer is given at, which is not before the event's own position."""
        asked = await self._moments.position(as_of)
        if asked is not None and asked < position:
            raise Unknown(f"as of position {asked} this event was not counted", position=position)
        if asked is not None:
            return (await self._moments.past(asked)).mark
        await self._reader.present.reached(position)
        assert self._reader.present.mark is not None
        return self._reader.present.mark

    async def _periods(self, period: str | None, previous: int, position: int) -> list[str]:
        """Return the labels of the period that is asked for, with the days that it has at the position itself.

        By default the fiscal years of which the position changed anything that they are made from, and that of its own
        now where it moved the time or changed nothing.
        """
        if period is not None:
            return [(await self._model.view(period, str(position))).period.label]
        (step,) = await self._moments.steps(previous, position)
        calendar = self._reader.calendar
        today = calendar.local_day(step.mark.tick)
        years = self._years(step, today)
        is_same_time = previous and (await self._moments.past(previous)).mark.tick == step.mark.tick
        if not years or not is_same_time:
            years.add(calendar.containing(today, "fiscal_year"))
        if len(years) > PERIODS_MAX:
            raise Misread(f"this position changed {len(years)} fiscal years: name a period")
        return [year.label for year in sorted(years)]

    def _years(self, step: Step, today: date) -> set[Period]:
        """Return the fiscal years that the step's days say something in: their own, and later ones with what stays."""
        days: dict[str, list[date]] = {}
        for row in step.cells:
            if row.grain == "day":
                days.setdefault(kpi_of(row.kpi), []).append(row.start)
        every = [day for found in days.values() for day in found]
        if not every:
            return set()
        calendar, kpis = self._reader.calendar, step.definitions.kpis
        almanac = step.definitions.almanac(calendar, step.mark.tick)
        years = set()
        for year in calendar.periods("fiscal_year", min(every), max(*every, today)):
            firsts = Needs({name: kpis[name] for name in days.keys() & kpis.keys()}, year, almanac).firsts
            if any(firsts.get(name, year.start) <= day < year.end for name, found in days.items() for day in found):
                years.add(year)
        return years

    async def _board(
        self, period: str, position: int, plan: str | None, *, needs_plan: bool
    ) -> tuple[Mapping[str, Row], Mapping[str, Row]]:
        """Return figures and nodes of a period at a position; nothing at all before the first position or plan."""
        if position == 0:
            return {}, {}
        view = await self._model.view(period, str(position))
        if needs_plan or view.definitions.has_plan(plan):
            return view.rows, view.nodes(choose(view.definitions, plan, view.today))
        return view.rows, {}

    def _day(self, mark: Mark) -> str:
        return self._reader.calendar.local_day(mark.tick).isoformat()


def _named(period: Period) -> dict[str, str]:
    """Return how kpi is told of a period: by its first day, and where no calendar knows it by the day after it too."""
    named = {"grain": period.grain, "start": period.start.isoformat()}
    return named | {"end": period.end.isoformat()} if period.grain == ROLLING else named


def _moved(before: Mapping[str, Row], after: Mapping[str, Row], *, period: str) -> list[Row]:
    names = [*after, *(name for name in before if name not in after)]
    return [
        {"id": name, "period": period, "before": before.get(name), "after": after.get(name)}
        for name in names
        if _moves(before.get(name)) != _moves(after.get(name))
    ]


def _moves(row: Row | None) -> Row | None:
    return row and {name: value for name, value in row.items() if name not in UNMOVING}
