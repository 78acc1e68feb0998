"""What a measure takes from events, in words: terms, conditions, events and fields by their names. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from citygoals.reporting.i18n import Words

DAYS_PER_WEEK = 7


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
    text = condition(text, term.get("where"), t)
    if term.get("reopened_within"):
        text = t.markup("words.reopened", what=text, days=whole_days(term["reopened_within"]))
    return t.markup("words.every", what=text) if term.get("take") == "every" else text


def condition(what: Markup, where: str | None, t: Words) -> Markup:
    """Add a condition, which is shown as the code that it is."""
    return t.markup("words.where", what=what, condition=code(where)) if where else what


def code(text: str) -> Markup:
    """Write a condition as the code that it is."""
    return Markup("<code>{}</code>").format(text)


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
