"""Definition files: a plan, a catalogue or departments, checked by what holds already, as the entries that apply them. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from citygoals.kpi.definitions import CATALOGUE_PARTS, Definitions
from citygoals.kpi.filters import condition
from citygoals.kpi.measures import compiled
from citygoals.shared.catalogue_names import Names
from citygoals.shared.comparisons import IndexMeasure
from citygoals.shared.definition_file import DefinitionFile, Path, Problem
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import load_catalogue, load_plan
from citygoals.shared.terms import CONDITIONS


def read_plan(text: str, name: str) -> dict[str, Any]:
    """Return the data of the entry that applies a plan file. Raises InvalidFile."""
    return {"plan": load_plan(text, name).model_dump(mode="json")}


def read_catalogue(text: str, name: str, known: Definitions) -> dict[str, Any]:
    """Return the data of the entry that applies a catalogue file. Raises InvalidFile."""
    catalogue = load_catalogue(text, name, departments=known.departments, known=names_in(known))
    calendars = known.with_catalogue(catalogue).ready(CityCalendar("UTC"))
    try:
        for kpi in catalogue.kpis:
            compiled(kpi, calendars)
    except ValueError:
        file = DefinitionFile(text, name)
        raise file.invalid(_bad_conditions(file.data, ())) from None
    return catalogue.model_dump(mode="json", exclude={"note"})


def names_in(known: Definitions) -> Names:
    """Return what a catalogue file may name."""
    derived = [kpi.id for kpi in known.kpis.values() if kpi.is_derived]
    indexes = {
        kpi.id: [part.kpi for part in kpi.measure.parts]
        for kpi in known.kpis.values()
        if isinstance(kpi.measure, IndexMeasure)
    }
    return Names(known.calendars, known.references, known.kpis, derived, indexes)


def _bad_conditions(value: Any, path: Path) -> Iterator[Problem]:
    """Yield every condition below the value that is none."""
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        if step in CONDITIONS and isinstance(inner, str):
            try:
                condition(inner)
            except ValueError as error:
                yield Problem((*path, step), str(error))
        else:
            yield from _bad_conditions(inner, (*path, step))


def read_departments(text: str, name: str, known: Definitions) -> dict[str, Any]:
    """Return the data of the entry that applies a file of departments alone. Raises InvalidFile."""
    data = read_catalogue(text, name, known)
    others = [part for part in CATALOGUE_PARTS if part != "departments" and data[part]]
    if others:
        file = DefinitionFile(text, name)
        reason = "applied as a catalogue, not with the departments alone"
        raise file.invalid(Problem((part,), reason) for part in others)
    return data
