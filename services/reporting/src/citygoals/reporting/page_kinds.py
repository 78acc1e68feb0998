"""How a KPI is counted, in words, from its definition: what a resident reads instead of the catalogue file. Pure.

One small function for each kind of measure; what they say about events is in page_words.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Answer
from citygoals.reporting.page_words import code, condition, event_name, field_name, sentence, term_text, whole_days

FieldPairs = list[tuple[str, str]]


def definition_rows(definition: Answer, t: Words) -> FieldPairs:
    """Return the definition as (name, text) pairs, in the order in which a reader asks."""
    rows = measure_rows(definition["measure"], t)
    rows.append((t("kpi.polarity"), t(f"polarity.{definition['polarity']}")))
    target = definition.get("target") or {}
    if target.get("basis"):
        rows.append((t("kpi.basis"), t(f"basis.{target['basis']}")))
    if target.get("phase"):
        rows.append((t("kpi.phase"), t("phase.linear" if target["phase"] == "linear" else "phase.curve")))
    if target:
        short = t("kpi.tolerance_text", percent=t.percent(definition["tolerance"]))
        rows.append((t("kpi.tolerance"), short))
    rows.append((t("kpi.absence"), t(f"absence.{definition['absence_means']}")))
    if definition.get("freshness"):
        rows.append((t("kpi.freshness"), t("kpi.days", count=whole_days(definition["freshness"]))))
    rows.append((t("kpi.rounding"), t("kpi.rounding_text", count=definition["decimals"])))
    return rows


def measure_rows(measure: Answer, t: Words) -> FieldPairs:
    """Return what is counted, what it is divided by, and what else decides."""
    return _KINDS[measure["kind"]](measure, t)


def _flow(measure: Answer, t: Words) -> FieldPairs:
    return [(t("kpi.value_is"), sentence(measure.get("terms") or measure, t))]


def _mean(measure: Answer, t: Words) -> FieldPairs:
    return _over(sentence(measure, t), sentence({**measure, "value": "count"}, t), t)


def _ratio(measure: Answer, t: Words) -> FieldPairs:
    above, reference = sentence(measure["numerator"], t), measure.get("over")
    if measure.get("scale", 1) != 1:
        above = t.markup("words.times", what=above, scale=t.number(measure["scale"]))
    if reference is None:
        return _over(above, sentence(measure["denominator"], t), t)
    return _over(above, t(f"words.{reference['use']}", table=reference["reference"]), t)


def _latest(measure: Answer, t: Words) -> FieldPairs:
    return [(t("kpi.value_is"), t("words.latest", measure=measure["measure_id"]))]


def _percentile(measure: Answer, t: Words) -> FieldPairs:
    what = sentence(measure, t)
    if measure.get("clock"):
        what = t.markup("words.clock", what=what, calendar=measure["clock"])
    return [(t("kpi.value_is"), t.markup("words.percentile", percent=t.percent(measure["quantile"], 0), what=what))]


def _distinct(measure: Answer, t: Words) -> FieldPairs:
    key = field_name(measure["key"].removeprefix("data."), t)
    text = t.markup("words.distinct", field=key, event=event_name(measure["event"], t))
    return [(t("kpi.value_is"), condition(text, measure.get("where"), t))]


def _importance_satisfaction(measure: Answer, t: Words) -> FieldPairs:
    answers = term_text({**measure, "value": "count"}, t)
    rated = condition(answers, measure["rated"], t)
    shares = [("importance", measure["important"], answers), ("satisfaction", measure["satisfied"], rated)]
    return [
        (t("kpi.value_is"), t("words.importance_satisfaction")),
        *((t(f"kpi.{name}_is"), t.markup("words.share", condition=code(of), what=what)) for name, of, what in shares),
    ]


def _stock(measure: Answer, t: Words) -> FieldPairs:
    return [(t("kpi.value_is"), t.markup("words.stock", what=_presence(measure["presence"], t)))]


def _availability(measure: Answer, t: Words) -> FieldPairs:
    up, planned = (t.markup("words.minutes", what=_presence(measure[part], t)) for part in ("up", "planned"))
    return _over(up, planned, t)


def _turnover(measure: Answer, t: Words) -> FieldPairs:
    mean = t.markup("words.mean_stock", what=_presence(measure["presence"], t))
    return _over(term_text(measure["flow"], t), mean, t)


def _on_time(measure: Answer, t: Words) -> FieldPairs:
    deadline = measure["deadline"]
    started = condition(t.markup("words.due", start=event_name(deadline["start"], t)), deadline.get("where"), t)
    ended = t.markup("words.on_time", ends=_events(deadline["ends"], t))
    return [*_over(ended, started, t), *_deadline(deadline, t)]


def _overdue(measure: Answer, t: Words) -> FieldPairs:
    deadline = measure["deadline"]
    text = t.markup("words.overdue", start=event_name(deadline["start"], t), ends=_events(deadline["ends"], t))
    return [(t("kpi.value_is"), condition(text, deadline.get("where"), t)), *_deadline(deadline, t)]


def _evenness(measure: Answer, t: Words) -> FieldPairs:
    share = _on_time(measure, t)
    least = t("words.least", count=measure["least"]) if measure["least"] > 1 else ""
    return [(t("kpi.value_is"), t(f"words.evenness_{measure['by']}", least=least)), *share]


def _change(measure: Answer, t: Words) -> FieldPairs:
    return [*measure_rows(measure["of"], t), (t("kpi.compared"), t(f"against.{measure['against']}"))]


def _index(measure: Answer, t: Words) -> FieldPairs:
    parts = ", ".join(t("words.weighed", kpi=part["kpi"], weight=part["weight"]) for part in measure["parts"])
    return [(t("kpi.value_is"), t("words.index", parts=parts, cap=t.percent(measure["cap"], 0)))]


def _zero_typing(_: Answer, t: Words) -> FieldPairs:
    return _over(t("words.untyped"), t("words.every_kpi"), t)


def _over(above: str, below: str, t: Words) -> FieldPairs:
    return [(t("kpi.numerator_is"), above), (t("kpi.denominator_is"), below)]


def _deadline(deadline: Mapping[str, Any], t: Words) -> FieldPairs:
    """Say when a thing is due, what stops the clock and what has no deadline."""
    limit = _within(deadline.get("within") or {}, t)
    if deadline.get("due_field"):
        field = field_name(deadline["due_field"], t)
        limit = t("words.due_field_or", field=field, limit=limit) if limit else t("words.due_field", field=field)
    if deadline.get("calendar"):
        limit = t("words.by_calendar", limit=limit, calendar=deadline["calendar"])
    rows = [(t("kpi.due"), limit)]
    if deadline.get("pause"):
        stops = (event_name(deadline[name], t) for name in ("pause", "resume"))
        rows.append((t("kpi.pauses"), t("words.paused", **dict(zip(("pause", "resume"), stops, strict=True)))))
    if deadline.get("unless"):
        rows.append((t("kpi.left_out"), condition(Markup.escape(t("words.ended")), deadline["unless"], t)))
    return rows


def _within(within: Mapping[str, Any], t: Words) -> str:
    unit = next((unit for unit in ("business_days", "business_hours", "duration") if within.get(unit)), None)
    if unit is None:
        return ""
    return t(f"words.{unit}", **{"limit" if unit == "duration" else "count": within[unit]})


def _presence(presence: Mapping[str, Any], t: Words) -> Markup:
    enters = _passages(presence["enters"], t)
    if not presence.get("leaves"):
        return t.markup("words.from_on", enters=enters)
    return t.markup("words.from_until", enters=enters, leaves=_passages(presence["leaves"], t))


def _passages(passages: Sequence[Mapping[str, Any]], t: Words) -> Markup:
    named = (Markup("“{}”").format(event_name(one["event"], t)) for one in passages)
    return Markup.escape(t("words.or")).join(
        condition(name, one.get("where"), t) for name, one in zip(named, passages, strict=True)
    )


def _events(types: Sequence[str], t: Words) -> Markup:
    return _passages([{"event": name} for name in types], t)


_KINDS: dict[str, Callable[[Answer, Words], FieldPairs]] = {
    "count": _flow,
    "sum": _flow,
    "mean": _mean,
    "ratio": _ratio,
    "latest": _latest,
    "percentile": _percentile,
    "distinct": _distinct,
    "importance_satisfaction": _importance_satisfaction,
    "stock": _stock,
    "availability": _availability,
    "turnover": _turnover,
    "on_time": _on_time,
    "overdue": _overdue,
    "evenness": _evenness,
    "change": _change,
    "index": _index,
    "zero_typing": _zero_typing,
}
