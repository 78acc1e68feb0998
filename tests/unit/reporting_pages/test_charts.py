from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from citygoals.reporting import charts
from citygoals.reporting.charts import Column
from hypothesis import given
from hypothesis import strategies as st

values = st.lists(st.one_of(st.none(), st.decimals(-(10**9), 10**12, places=2)), max_size=24)


def parse(markup: str) -> ET.Element:
    return ET.fromstring(str(markup))


def columns(numbers: list[Decimal | None]) -> list[Column]:
    return [Column(label=f"m{place}", value=number, shown=str(number)) for place, number in enumerate(numbers)]


@given(numbers=values, target=st.one_of(st.none(), st.decimals(0, 10**6, places=2)))
def test_a_sparkline_is_named_well_formed_and_inside_its_box(
    numbers: list[Decimal | None], target: Decimal | None
) -> None:
    markup = charts.sparkline(numbers, name='A & B <"C">', targets=[] if target is None else [target])
    if all(number is None for number in numbers):
        assert markup == ""
        return
    drawn = parse(markup)
    assert drawn.get("role") == "img"
    assert drawn.get("aria-label") == 'A & B <"C">'
    points = [pair for line in drawn.iter("polyline") for pair in (line.get("points") or "").split()]
    points += [f"{dot.get('cx')},{dot.get('cy')}" for dot in drawn.iter("circle")]
    for x, y in (map(float, point.split(",")) for point in points):
        assert 0 <= x <= charts.SPARK_WIDTH
        assert 0 <= y <= charts.SPARK_HEIGHT


def test_a_missing_month_breaks_the_line_and_is_never_drawn_as_zero() -> None:
    drawn = parse(charts.sparkline([Decimal(5), Decimal(6), None, Decimal(7), Decimal(8)], name="x"))
    assert [len((line.get("points") or "").split()) for line in drawn.iter("polyline")] == [2, 2]


def test_a_lone_month_between_gaps_is_a_dot() -> None:
    drawn = parse(charts.sparkline([Decimal(5), None, Decimal(7), None, Decimal(8), Decimal(9)], name="x"))
    assert len(list(drawn.iter("circle"))) == 3  # two lone months and the last one


@given(numbers=values, target=st.one_of(st.none(), st.decimals(0, 10**6, places=2)))
def test_a_column_chart_stays_inside_its_height(numbers: list[Decimal | None], target: Decimal | None) -> None:
    markup = charts.column_chart(
        columns(numbers), name="x", targets=[] if target is None else [target], target_shown="t"
    )
    if all(number is None for number in numbers):
        assert markup == ""
        return
    for bar in parse(markup).iter("rect"):
        top, tall = float(bar.get("y") or 0), float(bar.get("height") or 0)
        assert top >= charts.CHART_TOP - 1
        assert top + tall <= charts.CHART_HEIGHT - charts.CHART_BOTTOM + 1


def test_columns_stand_on_zero_and_carry_their_value_in_text() -> None:
    markup = charts.column_chart(
        columns([Decimal(10), None, Decimal(30)]), name="x", targets=[Decimal(20)], target_shown="Target: 20"
    )
    drawn = parse(markup)
    bars = list(drawn.iter("rect"))
    floor = {round(float(bar.get("y") or 0) + float(bar.get("height") or 0)) for bar in bars}
    assert len(bars) == 2
    assert floor == {charts.CHART_HEIGHT - charts.CHART_BOTTOM}
    texts = [text.text for text in drawn.iter("text")]
    assert {"10", "30", "m0", "m1", "m2", "Target: 20"} <= set(texts)


def test_the_target_line_strikes_through_no_number_and_the_scale_names_its_unit() -> None:
    drawn = list(
        parse(charts.column_chart(columns([Decimal(3)]), name="x", targets=[Decimal(3)], target_shown="t", unit="days"))
    )
    places = [
        place for place, part in enumerate(drawn) if (part.get("class") or "").startswith(("target", "bar-value"))
    ]
    assert [drawn[place].get("class") for place in places][-1] == "bar-value last"
    assert "days" in [part.text for part in drawn]
    shares = parse(charts.column_chart(columns([Decimal(80)]), name="x", targets=[], target_shown="", unit="%"))
    assert {"0%", "80%"} <= {text.text for text in shares.iter("text")}


def test_no_chart_has_an_inline_style_or_script() -> None:
    made = [
        charts.sparkline([Decimal(1), Decimal(2)], name="x"),
        charts.column_chart(columns([Decimal(1)]), name="x", targets=[], target_shown=""),
        charts.meter(Decimal("0.5"), "NEAR"),
        charts.distribution({"NEAR": 2, "NO_DATA": 1}),
    ]
    assert all("style=" not in markup and "<script" not in markup for markup in made)


@pytest.mark.parametrize(
    ("attainment", "width"), [(None, 0), (Decimal("0.5"), 50), (Decimal(1), 100), (Decimal(9), 125), (Decimal(-1), 0)]
)
def test_a_meter_ends_at_the_cap(attainment: Decimal | None, width: float) -> None:
    reached = next(
        rect for rect in parse(charts.meter(attainment, "NEAR")).iter("rect") if rect.get("class") == "reached"
    )
    assert float(reached.get("width") or -1) == width


def test_a_distribution_fills_the_whole_width() -> None:
    rects = list(parse(charts.distribution({"ON_TRACK": 3, "OFF_TRACK": 2, "NO_DATA": 2})).iter("rect"))
    assert [rect.get("class") for rect in rects] == ["is-on-track", "is-off-track", "is-no-data"]
    assert sum(float((rect.get("width") or "").rstrip("%")) for rect in rects) == pytest.approx(100, abs=0.01)


@given(span=st.decimals("0.0001", 10**12, places=4))
def test_the_step_of_a_scale_is_round_and_covers_the_span(span: Decimal) -> None:
    step = charts.nice_step(span)
    assert step * charts.TICKS >= span
    assert step.normalize().as_tuple().digits in {(1,), (2,), (2, 5), (5,)}
