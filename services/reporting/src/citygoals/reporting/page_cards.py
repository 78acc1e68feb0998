"""Figures and nodes as a page shows them: every text written out in the reader's language. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from citygoals.reporting import charts
from citygoals.reporting.i18n import Words

Answer = Mapping[str, Any]

MONTHS_MIN = 4


@dataclass(frozen=True, slots=True)
class Title:
    """A text of the plan or catalogue; `lang` is set where it is not in the language of the page."""

    text: str
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a figure's data table."""

    label: str
    value: str
    numerator: str
    denominator: str
    events: str
    status: str


@dataclass(frozen=True, slots=True)
class Months:
    """A KPI's figures month by month; `under_way` is the label of the month that has not ended."""

    items: Sequence[Answer] = ()
    under_way: str = ""

    @classmethod
    def since_the_first(cls, items: Sequence[Answer], under_way: str) -> "Months":
        """Return the months from the first one with a value on, but no fewer than make a picture."""
        first = next((place for place, month in enumerate(items) if month["value"] is not None), len(items))
        return cls(items[max(0, min(first, len(items) - MONTHS_MIN)) :], under_way)

    @property
    def is_growing(self) -> bool:
        """Say whether the last month is a count or sum that will still grow, so that it must not look like a fall."""
        return bool(self.items) and self.items[-1]["period"] == self.under_way and self.items[-1]["denominator"] == 1


@dataclass(frozen=True, slots=True)
class Card:
    """One KPI as the scoreboard shows it; the empty string and None mean that there is nothing to show."""

    id: str
    title: Title
    department: Title
    status: str
    value: str
    unit: str
    has_value: bool
    ratio: str
    target: str
    attained: str
    meter: Decimal | None
    fresh: str
    badges: tuple[str, ...]
    spark: Markup
    rows: tuple[Row, ...]
    announce: str


def title(item: Answer, t: Words) -> Title:
    """Return an item's title in the reader's language, or the English one, marked as English."""
    labels = item.get("labels") or item["title"]
    if isinstance(labels, str):
        return Title(labels, None if t.lang == "en" else "en")
    mine = labels.get(t.lang)
    borrowed = t.lang != "en" and (not mine or mine == labels["en"])
    return Title(mine or labels["en"], "en" if borrowed else None)


def card(figure: Answer, t: Words, *, definition: Answer, department: Title, months: Months) -> Card:
    """Write out a figure."""
    name = title(figure, t)
    value, unit = t.parted(figure["value"], figure["unit"])
    written = t.amount(figure["value"], figure["unit"])
    return Card(
        id=figure["id"], title=name, department=department, status=figure["status"],
        value=value if figure["value"] is not None else t("value.no_value"), unit=unit, has_value=figure["value"] is not None,
        ratio=ratio(figure, t, definition.get("measure", {}).get("kind", "")), target=target_text(figure, t), attained=attained(figure, t),
        meter=attainment(figure), fresh=fresh(figure, t), badges=badges(figure, definition, t),
        spark=spark(months, name.text, t), rows=month_rows(months, t),
        announce=f"{name.text}: {written}, {t('status.' + figure['status'])}",
    )  # fmt: skip


_WHOLE_KINDS = frozenset({"percentile", "evenness", "turnover", "index", "importance_satisfaction"})
_RATIO_TEXTS = {"availability": "value.minutes_of", "change": "value.change_on"}


def ratio(figure: Answer, t: Words, kind: str = "") -> str:
    """Write what was divided by what: a share as `3 of 4`, a mean as `300 ÷ 4`; a count or sum needs no fraction.

    Nor does a kind of measure whose integers are no numbers of things, such as a percentile's.
    """
    numerator, denominator = figure["numerator"], figure["denominator"]
    if numerator is None or denominator is None:
        return ""
    if denominator == 1 or kind in _WHOLE_KINDS:
        return "" if figure["events"] is None else t("value.events", count=figure["events"])
    by_unit = {"%": "value.of", "s": "value.seconds_over"}.get(figure["unit"], "value.over")
    return t(_RATIO_TEXTS.get(kind, by_unit), numerator=int(numerator), denominator=int(denominator))


def attainment(figure: Answer) -> Decimal | None:
    """Return the attainment of a figure for drawing, to a few digits."""
    exact = figure["attainment"]
    return None if exact is None else Decimal(int(exact["numerator"])) / Decimal(int(exact["denominator"]))


def attained(figure: Answer, t: Words) -> str:
    """Write how much of the target is reached."""
    reached = attainment(figure)
    return "" if reached is None else t("value.attained", percent=t.reached(reached))


def target_text(figure: Answer, t: Words) -> str:
    """Write the target in words: `at least 65%`, `between 95% and 105%`."""
    target = figure["target"]
    if not target:
        return t("value.no_target")
    if figure.get("value") is not None and figure.get("attainment") is None and target.get("basis"):
        asked = {**figure, "target": {**target, "basis": None}}
        return t("value.target_for", target=target_text(asked, t), basis=t(f"basis.{target['basis']}"))
    if target["polarity"] == "band":
        low, high = (t.amount(plain(in_unit(target[edge], figure["unit"])), figure["unit"]) for edge in ("low", "high"))
        return t("value.target_band", low=low, high=high)
    value = t.amount(plain(in_unit(target["value"], figure["unit"])), figure["unit"])
    return t(f"value.target_{target['polarity']}", value=value)


def in_unit(value: str, unit: str) -> Decimal:
    """Return a target, which is written as a plain fraction or number, in the unit of the figure's value."""
    return Decimal(value) * 100 if unit == "%" else Decimal(value)


def plain(value: Decimal) -> str:
    """Write a decimal without an exponent and without trailing zeros."""
    return f"{value.normalize():f}"


def target_levels(months: Months) -> tuple[Decimal, ...]:
    """Return where a chart of months draws the target: one line, two for the edges of a band.

    None without a target, nor where it is for another kind of period: a year's count is no line over months.
    """
    figure = next((month for month in months.items if month["attainment"] is not None), None)
    target = figure and figure["target"]
    if not figure or not target:
        return ()
    edges = ("low", "high") if target["polarity"] == "band" else ("value",)
    return tuple(in_unit(target[edge], figure["unit"]) for edge in edges)


def fresh(figure: Answer, t: Words) -> str:
    """Write when the last event that counts here happened."""
    last = figure.get("last_event")
    if last:
        return t("value.fresh", day=t.day(date.fromisoformat(last[:10])))
    return t("value.never_fresh") if figure["events"] == 0 else ""


def badges(figure: Answer, definition: Answer, t: Words) -> tuple[str, ...]:
    """Return what a reader must know before trusting the number, where the definition says so."""
    shown = (
        ("value.preliminary", figure.get("preliminary", False)),
        ("value.sample_target", figure.get("sample", False) and figure["target"]),
        ("kpi.internal", definition.get("internal", False)),
    )
    return tuple(t(key) for key, holds in shown if holds)


def row(figure: Answer, t: Words, label: str | None = None) -> Row:
    """Write out one period or member of a series."""
    return Row(
        label=t.period(figure["period"]) if label is None else label,
        value=t.amount(figure["value"], figure["unit"]),
        numerator=whole(figure["numerator"], t), denominator=whole(figure["denominator"], t),
        events=whole(figure["events"], t), status=figure["status"],
    )  # fmt: skip


def whole(value: int | str | None, t: Words) -> str:
    """Write an integer, or the dash of a missing one."""
    return t("value.none") if value is None else t.number(int(value))


def month_rows(months: Months, t: Words) -> tuple[Row, ...]:
    """Write out the months; the one under way says so."""
    return tuple(row(month, t, label=month_label(month["period"], months, t)) for month in months.items)


def month_label(period: str, months: Months, t: Words) -> str:
    """Name a month: `November 2026, so far`."""
    name = t.period(period)
    return t("table.so_far", period=name) if period == months.under_way else name


def spark(months: Months, name: str, t: Words) -> Markup:
    """Draw a KPI's months as a sparkline that names itself."""
    if not months.items:
        return Markup("")
    first, last = (t.period(month["period"]) for month in (months.items[0], months.items[-1]))
    values = [None if month["value"] is None else Decimal(month["value"]) for month in months.items]
    return charts.sparkline(
        values,
        name=t("board.trend", title=name, first=first, last=last),
        targets=target_levels(months),
        growing=months.is_growing,
    )


def counts(figures: Iterable[Answer]) -> dict[str, int]:
    """Count figures by status, every status named."""
    found = dict.fromkeys(charts.STATUS_ORDER, 0)
    for figure in figures:
        found[figure["status"]] += 1
    return found
