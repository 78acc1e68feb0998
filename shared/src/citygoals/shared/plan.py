"""The strategic plan as data: a versioned, effective-dated graph of nodes and weighted links from KPIs.

This module is also the door to the files: `load_plan` and `load_catalogue` read YAML and name every mistake at once.
"""

from collections.abc import Collection
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from citygoals.shared.catalogue_names import Names, name_problems
from citygoals.shared.definition_file import DefinitionFile, InvalidFile, Problem, pointer
from citygoals.shared.duty_def import duty_problems
from citygoals.shared.kpi import CatalogueDef, DepartmentDef, KpiDef, Target
from citygoals.shared.measure import MeasureDef
from citygoals.shared.model import KebabId, KpiId, Model, PositiveDecimalText, ShareText, Text, number_as_text
from citygoals.shared.plan_structure import catalogue_problems, plan_problems
from citygoals.shared.terms import Term

__all__ = [
    "CatalogueDef",
    "CrosswalkDef",
    "CrosswalkEdgeDef",
    "DepartmentDef",
    "InvalidFile",
    "KpiDef",
    "LinkDef",
    "MeasureDef",
    "NodeDef",
    "ParentDef",
    "PlanDef",
    "Problem",
    "TagDef",
    "Target",
    "Term",
    "kpi_schema",
    "load_catalogue",
    "load_plan",
    "plan_schema",
]


Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Version = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40),
    BeforeValidator(number_as_text, json_schema_input_type=str | int),
]
Number = Annotated[
    str, StringConstraints(max_length=40), BeforeValidator(number_as_text, json_schema_input_type=str | int)
]
Note = Annotated[str, StringConstraints(max_length=2000)]


class ParentDef(Model):
    """One more parent of a node, and the weight that the node has under it."""

    node: KebabId
    weight: PositiveDecimalText = "1"


class NodeDef(Model):
    """One node of the plan, for example a vision block, a goal, a strategy or an objective.

    `weight` is its weight under `parent`; a node with several parents lists the others in `parents`.
    `verified` says that the wording was found in a published document of the city.
    """

    id: KebabId
    kind: Kind
    title: Text
    parent: KebabId | None = None
    weight: PositiveDecimalText = "1"
    parents: tuple[ParentDef, ...] = ()
    number: Number | None = None
    description: Text | None = None
    verified: bool = True
    sample: bool = False
    source: Note | None = None
    tags: tuple[KebabId, ...] = ()

    @property
    def edges(self) -> tuple[ParentDef, ...]:
        """Every parent with the weight that this node has under it; the `parent` first."""
        first = () if self.parent is None else (ParentDef(node=self.parent, weight=self.weight),)
        return (*first, *self.parents)


class LinkDef(Model):
    """A KPI that counts directly under a node."""

    kpi: KpiId
    node: KebabId
    weight: PositiveDecimalText = "1"


class Effective(Model):
    """The days on which the plan is in force; `to` is the first day on which it no longer is."""

    from_: date = Field(alias="from")
    to: date | None = None


class TagDef(Model):
    """What a tag of nodes means: a theme that runs across the plan, or one of its integrated strategies."""

    id: KebabId
    title: Text
    verified: bool = False
    sample: bool = False
    source: Note | None = None


class CrosswalkEdgeDef(Model):
    """A node of another plan, or a share of it, that goes on under a node of this one."""

    from_: KebabId = Field(alias="from")
    to: KebabId
    weight: PositiveDecimalText = "1"


class CrosswalkDef(Model):
    """Where the nodes of another plan are found in this one. The weights of each of its nodes add up to 1.

    A node without edges of its own goes where its parents go. `verified` says that the mapping was published.
    """

    plan: KebabId
    version: Version
    verified: bool = False
    note: Note | None = None
    edges: Annotated[tuple[CrosswalkEdgeDef, ...], Field(min_length=1)]


def _some_nodes(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    if not nodes:
        raise ValueError("a plan has at least one node")
    return nodes


class PlanDef(Model):
    """One version of the plan. `cap` bounds each attainment in a roll-up, so that one KPI cannot hide another.

    Where there are `tags`, those of the nodes are among them.
    """

    id: KebabId
    version: Version
    title: Text | None = None
    effective: Effective
    cap: PositiveDecimalText = "1.25"
    tolerance: ShareText = "0.05"
    note: Note | None = None
    translation: Note | None = None
    nodes: Annotated[tuple[NodeDef, ...], AfterValidator(_some_nodes)]
    links: tuple[LinkDef, ...] = ()
    tags: tuple[TagDef, ...] = ()
    crosswalk: CrosswalkDef | None = None

    def without(self, kpis: Collection[str]) -> "PlanDef":
        """Return the plan without the links of those KPIs, itself if it has none."""
        links = tuple(link for link in self.links if link.kpi not in kpis)
        return self if len(links) == len(self.links) else self.model_copy(update={"links": links})

    @model_validator(mode="after")
    def _parts_fit(self) -> "PlanDef":
        problems = [f"{pointer(p.path)}: {p.reason}" for p in plan_problems(self.model_dump(mode="json"))]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def load_plan(text: str, name: str) -> PlanDef:
    """Read a plan file (YAML, or JSON, which is YAML). Raises InvalidFile with everything that is wrong."""
    file = DefinitionFile(text, name)
    return file.validate(PlanDef, plan_problems(file.data))


def load_catalogue(
    text: str, name: str, *, departments: Collection[str] = (), known: Names | None = None
) -> CatalogueDef:
    """Read a catalogue file: KPIs, departments, duties, calendars, references. Raises InvalidFile with all that is wrong.

    Where `departments` are given, or the file has its own, a KPI's department must be among them. Where `known` is
    given, what a KPI looks up must be in it or in the file.
    """
    file = DefinitionFile(text, name)
    problems = (
        *catalogue_problems(file.data, departments),
        *name_problems(file.data, known),
        *duty_problems(file.data, departments, None if known is None else known.calendars),
    )
    return file.validate(CatalogueDef, problems)


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan file."""
    return _schema(PlanDef, "plan", "A version of the strategic plan")


def kpi_schema() -> dict[str, Any]:
    """Return the JSON Schema of a catalogue file."""
    return _schema(CatalogueDef, "kpi", "A catalogue of KPIs, departments, duties, calendars and reference tables")


def _schema(model: type[Model], name: str, title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:city-goals:schema:{name}",
        **schema,
        "title": title,
    }
