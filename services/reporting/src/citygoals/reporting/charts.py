"""Charts as inline SVG: pure functions from numbers to markup, coloured by the style sheet alone.

No chart is the only carrier of its numbers: each has an accessible name, and the templates put a data table behind it.
Widths are fractions of the space there is and text keeps its size, so the same chart reads at 320 and at 1280 pixels.
Positions are floats: they are pixels, never figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from markupsafe import Markup

SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 120, 36, 4
CHART_HEIGHT, CHART_TOP, CHART_BOTTOM = 270, 40, 30
AXIS_LEFT_PERCENT = 12
TICKS = 4
METER_FULL = 125  # a meter ends at the usual cap of 1.25, so that 100 % has room on its right
Point = tuple[float, float]
STATUS_ORDER = ("ON_TRACK", "NEAR", "OFF_TRACK", "BASELINING", "STALE", "NO_DATA")


@dataclass(frozen=True, slots=True)
class Column:
    """One period of a chart: its axis label, its value (None: a gap), the value written out.

    `growing` marks a sum whose period has not ended: it is drawn lighter, so that it does not look like a fall.
    """

    label: str
    value: Decimal | None
    shown: str
    growing: bool = False


def sparkline(
    values: Sequence[Decimal | None], *, name: str, targets: Sequence[Decimal] = (), growing: bool = False
) -> Markup:
    """Draw a trend without axes; a missing value breaks the line, and the last value carries a dot.

    With `growing`, the last value is of a period that has not ended: its line is dashed and its dot hollow.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    bounds = [*known, *targets]
    points = _placed(values, min(bounds), max(bounds))
    runs = _runs(points)
    last, tail = runs[-1][-1], Markup("")
    if growing and len(runs[-1]) > 1:
        tail = Markup('<polyline class="growing" points="{}"/>').format(_points(runs[-1][-2:]))
        runs[-1].pop()
    marks = [*(_line(run) for run in runs), tail, _dot(last, "last growing" if growing else "last", 3.2)]
    heights = [_height(target, min(bounds), max(bounds)) for target in targets]
    level = Markup('<line class="target" x1="0" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>')
    marks[:0] = [level.format(SPARK_WIDTH, y=y) for y in heights]
    return Markup('<svg class="spark" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        name, SPARK_WIDTH, SPARK_HEIGHT, Markup("").join(marks)
    )


def column_chart(
    columns: Sequence[Column], *, name: str, targets: Sequence[Decimal], target_shown: str, unit: str = ""
) -> Markup:
    """Draw a column for each period from zero, a scale in a unit, and the target as a line, a band as two, with its name."""
    values = [column.value for column in columns if column.value is not None]
    if not values:
        return Markup("")
    low, high, step = scale_of([*values, *targets])

    def y(value: Decimal) -> float:
        return CHART_TOP + (CHART_HEIGHT - CHART_TOP - CHART_BOTTOM) * float((high - value) / (high - low))

    rules = [low + step * place for place in range(int((high - low) / step) + 1)]
    scale = Markup("").join(_rule(value, y(value), "%" if unit == "%" else "") for value in rules)
    drawn = [
        _bar(column, slot, top=y(column.value or Decimal(0)), zero=y(Decimal(0)))
        for column, slot in zip(columns, _slots(len(columns)), strict=True)
    ]
    layers = [
        scale,
        *(shape for shape, _ in drawn),
        *(_target_rule(y(target)) for target in targets),
        _target_name(target_shown) if targets else "",
        *(texts for _, texts in drawn),  # over the line: it must strike through no number
        _unit(unit),
    ]
    return Markup('<svg class="chart" role="img" aria-label="{}" width="100%" height="{}">{}</svg>').format(
        name, CHART_HEIGHT, Markup("").join(layers)
    )


def meter(attainment: Decimal | None, status: str) -> Markup:
    """Draw how much of the target is reached, with a mark at 100 %; the number stands beside it in text."""
    reached = max(Decimal(0), min((attainment or Decimal(0)) * 100, Decimal(METER_FULL)))
    return Markup(
        '<svg class="meter {}" aria-hidden="true" viewBox="0 0 {full} 8" preserveAspectRatio="none">'
        '<rect class="track" width="{full}" height="8"/><rect class="reached" width="{:.2f}" height="8"/>'
        '<line class="mark" x1="100" x2="100" y1="0" y2="8"/></svg>'
    ).format(status_class(status), float(reached), full=METER_FULL)


def distribution(counts: Mapping[str, int]) -> Markup:
    """Draw how many KPIs have each status as one bar; the counts stand below it in text."""
    total = sum(counts.values())
    if not total:
        return Markup("")
    parts, left = Markup(""), 0.0
    for status in STATUS_ORDER:
        width = 100 * counts.get(status, 0) / total
        if width:
            parts += Markup('<rect class="{}" x="{:.3f}%" width="{:.3f}%" height="14"/>').format(
                status_class(status), left, width
            )
        left += width
    return Markup('<svg class="distribution" aria-hidden="true" width="100%" height="14">{}</svg>').format(parts)


def status_class(status: str) -> str:
    """Return the style class of a status: `is-on-track`."""
    return "is-" + status.lower().replace("_", "-")


def scale_of(values: Sequence[Decimal]) -> tuple[Decimal, Decimal, Decimal]:
    """Return the ends and the step of a scale that has zero and every value on it."""
    least, most = min([*values, Decimal(0)]), max([*values, Decimal(0)])
    step = nice_step(most - least)
    low = (least / step).to_integral_value(ROUND_FLOOR)
    high = max((most / step).to_integral_value(ROUND_CEILING), low + 1)
    return low * step, high * step, step


def nice_step(span: Decimal) -> Decimal:
    """Return a step of 1, 2, 2.5 or 5 times a power of ten that covers the span in at most four."""
    if span <= 0:
        return Decimal(1)
    rough = span / TICKS
    power = Decimal(1).scaleb(rough.adjusted())
    return next(factor * power for factor in map(Decimal, ("1", "2", "2.5", "5", "10")) if factor * power >= rough)


def _placed(values: Sequence[Decimal | None], low: Decimal, high: Decimal) -> list[Point | None]:
    inner = SPARK_WIDTH - 2 * SPARK_MARGIN
    steps = max(len(values) - 1, 1)
    return [
        None if value is None else (SPARK_MARGIN + inner * place / steps, _height(value, low, high))
        for place, value in enumerate(values)
    ]


def _height(value: Decimal, low: Decimal, high: Decimal) -> float:
    share = float((value - low) / (high - low)) if high > low else 0.5
    return SPARK_HEIGHT - SPARK_MARGIN - (SPARK_HEIGHT - 2 * SPARK_MARGIN) * share


def _runs(points: Sequence[Point | None]) -> list[list[Point]]:
    runs: list[list[Point]] = []
    for before, point in pairwise([None, *points]):
        if point is not None:
            if before is None:
                runs.append([])
            runs[-1].append(point)
    return runs


def _line(run: Sequence[Point]) -> Markup:
    return _dot(run[0], "lone", 2) if len(run) == 1 else Markup('<polyline points="{}"/>').format(_points(run))


def _points(run: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in run)


def _dot(point: Point, look: str, radius: float) -> Markup:
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(look, *point, radius)


def _unit(unit: str) -> Markup:
    if unit in {"", "%"}:
        return Markup("")
    return Markup('<text class="tick" x="100%" y="14" text-anchor="end">{}</text>').format(unit)


def _rule(value: Decimal, y: float, sign: str) -> Markup:
    text = f"{value.normalize():,f}{sign}"
    return Markup(
        '<line class="rule" x1="{left}%" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
        '<text class="tick" x="{edge}%" y="{base:.1f}" text-anchor="end">{text}</text>'
    ).format(left=AXIS_LEFT_PERCENT, edge=AXIS_LEFT_PERCENT - 1.5, y=y, base=y + 4, text=text)


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a column stands, in percent, and how its texts behave where there is little room."""

    middle: float
    width: float
    look: str


def _slots(count: int) -> list[_Slot]:
    """Share the width out; the last column always keeps its texts, from there on every second one does."""
    share = (100 - AXIS_LEFT_PERCENT) / count
    looks = ["last" if place == count - 1 else ("", "alternate")[(count - 1 - place) % 2] for place in range(count)]
    return [
        _Slot(AXIS_LEFT_PERCENT + share * (place + 0.5), min(share * 0.62, 9), look) for place, look in enumerate(looks)
    ]


def _bar(column: Column, slot: _Slot, *, top: float, zero: float) -> tuple[Markup, Markup]:
    """Return a column's shape and its texts."""
    label = Markup('<text class="tick {}" x="{:.2f}%" y="{}" text-anchor="middle">{}</text>').format(
        slot.look, slot.middle, CHART_HEIGHT - 8, column.label
    )
    if column.value is None:
        return Markup(""), label
    shape = Markup('<rect class="{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}" rx="2"/>').format(
        "bar growing" if column.growing else "bar",
        slot.middle - slot.width / 2,
        min(top, zero),
        slot.width,
        max(abs(zero - top), 1.0),
    )
    written = Markup('<text class="bar-value {}" x="{:.2f}%" y="{:.1f}" text-anchor="middle">{}</text>').format(
        slot.look, slot.middle, min(top, zero) - 5, column.shown
    )
    return shape, written + label


def _target_rule(y: float) -> Markup:
    line = Markup('<line class="target" x1="{left}%" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
    return line.format(left=AXIS_LEFT_PERCENT, y=y)


def _target_name(shown: str) -> Markup:
    # It stands in a row of its own on top, with a piece of the line, so that it can cover no column.
    return Markup(
        '<line class="target" x1="0" x2="28" y1="10" y2="10"/><text class="target-name" x="36" y="14">{}</text>'
    ).format(shown)
