"""How a KPI is counted, in words, from its definition: what a resident reads instead of the catalogue file. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Answer

DAYS_PER_WEEK = 7
FieldPairs = list[tuple[str, str]]


def definition_rows(definition: Answer, t: Words) -> FieldPairs:
    """Return the definition as (name, text) pairs, in the order in which a reader asks."""
    rows = measure_rows(definition["measure"], t)
    rows.append((t("kpi.polarity"), t(f"polarity.{definition['polarity']}")))
    target = definition.get("target") or {}
    if target.get("basis"):
        rows.append((t("kpi.basis"), t(f"basis.{target['basis']}")))
    if target:
        short = t("kpi.tolerance_text", percent=t.percent(definition["tolerance"]))
        rows.append((t("kpi.tolerance"), short))
    rows.append((t("kpi.absence"), t(f"absence.{definition['absence_means']}")))
    if definition.get("freshness"):
        rows.append((t("kpi.freshness"), t("kpi.days", count=whole_days(definition["freshness"]))))
    rows.append((t("kpi.rounding"), t("kpi.rounding_text", decimals=definition["decimals"])))
    return rows


def measure_rows(measure: Answer, t: Words) -> FieldPairs:
    """Return what is counted, and what it is divided by."""
    name = measure["kind"]
    if name == "ratio":
        return [
            (t("kpi.numerator_is"), sentence(measure["numerator"], t)),
            (t("kpi.denominator_is"), sentence(measure["denominator"], t)),
        ]
    if name == "latest":
        return [(t("kpi.value_is"), t("words.latest", measure=measure["measure_id"]))]
    if name == "mean":
        counted = {**measure, "value": "count"}
        return [(t("kpi.numerator_is"), sentence(measure, t)), (t("kpi.denominator_is"), sentence(counted, t))]
    return [(t("kpi.value_is"), sentence(measure.get("terms") or measure, t))]


def sentence(terms: Mapping[str, Any] | Sequence[Mapping[str, Any]], t: Words) -> Markup:
    """Write one term or the sum of several."""
    if isinstance(terms, Mapping):
        return term_text(terms, t)
    first, *rest = [(term, term_text(term, t)) for term in terms]
    signs = {1: "words.plus", -1: "words.minus"}
    return Markup(", ").join([first[1], *(t.markup(signs[term.get("sign", 1)], what=text) for term, text in rest)])


def term_text(term: Mapping[str, Any], t: Words) -> Markup:
    """Write one term: what it takes from which event, and which events count."""
    event, value = event_name(term["event"], t), term.get("value") or ("seconds" if term.get("since") else "count")
    if value == "count":
        text = t.markup("words.each", event=event)
    elif value == "seconds":
        text = t.markup("words.seconds", since=event_name(term["since"], t), event=event)
    else:
        text = t.markup("words.sum", field=field_name(value.removeprefix("data."), t), event=event)
    if term.get("where"):
        text = t.markup("words.where", what=text, condition=Markup("<code>{}</code>").format(term["where"]))
    if term.get("reopened_within"):
        text = t.markup("words.reopened", what=text, days=whole_days(term["reopened_within"]))
    return t.markup("words.every", what=text) if term.get("take") == "every" else text


def field_name(name: str, t: Words) -> str:
    """Name a field of an event; one that the texts do not know is its own name."""
    return t(f"fields.{name}") if t.has(f"fields.{name}") else name.replace("_", " ")


def event_name(event_type: str, t: Words) -> str:
    """Name an event type; one that the texts do not know is its own name without dots."""
    fact = event_type.removeprefix("city.").rpartition(".v")[0]
    return t(f"events.{fact}") if t.has(f"events.{fact}") else fact.replace(".", " ").replace("_", " ")


def whole_days(duration: str) -> int:
    """Return the days of `P7D` or `P2W`, the only durations that definitions use."""
    amount = int(duration[1:-1])
    return amount * DAYS_PER_WEEK if duration.endswith("W") else amount
