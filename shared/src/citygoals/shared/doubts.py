"""What a catalogue file may have misspelled: it can be right, so it is no mistake, but nothing would ever say so. Pure.

A city has event types and fields of its own, which nobody here knows. So what is unknown is doubted and not refused.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from citygoals.shared.catalogue import EVENT_TYPES
from citygoals.shared.kpi import KpiDef
from citygoals.shared.reasons import did_you_mean
from citygoals.shared.terms import CONDITIONS

_NAMING = ("event", "since", "start", "pause", "resume")
_READING = (*sorted(CONDITIONS - {"unless"}), "value", "key")
_PERCENT_DOUBTED_ABOVE = 10
"""A share is at most 1, and hardly anything grows tenfold: 10 is 1,000 %."""

_FIELD = re.compile(r"\bdata\.([A-Za-z_][A-Za-z0-9_]*)")


def doubts(kpis: Iterable[KpiDef], arrived: Collection[str]) -> list[str]:
    """Return a sentence for each event type that is not built in and has not `arrived`, and each field that is unknown.

    And one for each target in percent that is a hundred times what was probably meant.
    """
    found: dict[str, None] = {}
    for kpi in kpis:
        measure = kpi.measure.model_dump(mode="json")
        for sentence in (*_types(measure, arrived), *_fields(measure), *_hundredfold(kpi)):
            found[f"{kpi.id}: {sentence}"] = None
    return list(found)


def _types(measure: Any, arrived: Collection[str]) -> Iterator[str]:
    for part in _parts(measure):
        named = [part[name] for name in _NAMING if isinstance(part.get(name), str)]
        for event_type in (*named, *part.get("ends", ())):
            if event_type not in EVENT_TYPES and event_type not in arrived:
                yield f"no event of type {event_type} has ever arrived{did_you_mean(event_type, EVENT_TYPES)}"


def _fields(measure: Any) -> Iterator[str]:
    for part in _parts(measure):
        for event_type, text in _read_by(part):
            known = _known_fields(event_type)
            for name in _FIELD.findall(text):
                if known and name not in known:
                    yield f"{event_type} has no field {name} that is known here{did_you_mean(name, known)}"


def _hundredfold(kpi: KpiDef) -> Iterator[str]:
    aims = () if kpi.target is None or kpi.unit != "%" else (kpi.target.value, kpi.target.low)
    for aim in aims:
        if aim is not None and Decimal(aim) > _PERCENT_DOUBTED_ABOVE:
            meant = format(Decimal(aim).scaleb(-2).normalize(), "f")
            yield f"a target of {aim} is {Decimal(aim) * 100:f} %: for {aim} % write {meant}"


def _read_by(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each text that reads fields, with the event type whose fields they are."""
    event_type = part.get("event") or part.get("start")
    if isinstance(event_type, str):
        yield from ((event_type, part[name]) for name in _READING if isinstance(part.get(name), str))
        if isinstance(part.get("due_field"), str):
            yield event_type, f"data.{part['due_field']}"
    if isinstance(part.get("unless"), str):
        yield from ((one, part["unless"]) for one in part.get("ends", ()))


def _known_fields(event_type: str) -> set[str]:
    """Return the fields of all facts about the same sort of thing: later ones have what the first one said."""
    if event_type not in EVENT_TYPES:
        return set()
    domain = event_type.split(".")[1]
    alike = [one for name, one in EVENT_TYPES.items() if name.split(".")[1] == domain]
    return {field for one in alike for field in (*one.required, *one.optional)}


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _parts(one)
