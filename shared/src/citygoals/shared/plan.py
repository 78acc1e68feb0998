"""The strategic plan as data: a versioned, effective-dated graph of nodes and weighted links from KPIs."""

from collections.abc import Collection
from datetime import date
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from citygoals.shared.kpi import CatalogueDef, DepartmentDef, KpiDef, Target
from citygoals.shared.measure import MeasureDef, Term
from citygoals.shared.model import DecimalText, KebabId, KpiId, Model, PositiveDecimalText, Text

__all__ = [
    "CatalogueDef", "DepartmentDef", "InvalidFile", "KpiDef", "LinkDef", "MeasureDef", "NodeDef", "PlanDef", "Target",
    "Term", "kpi_schema", "load_catalogue", "load_plan", "plan_schema",
]

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)]


class ParentDef(Model):
    """One more parent of a node."""

    node: KebabId
    weight: PositiveDecimalText = "1"


class NodeDef(Model):
    """One node of the plan."""

    id: KebabId
    kind: Kind
    title: Text
    parent: KebabId | None = None
    weight: PositiveDecimalText = "1"
    parents: tuple[ParentDef, ...] = ()
    number: str | None = None
    description: Text | None = None
    verified: bool = True
    sample: bool = False
    source: str | None = None
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


class PlanDef(Model):
    """One version of the plan."""

    id: KebabId
    version: Version
    title: Text | None = None
    effective: Effective
    cap: PositiveDecimalText = "1.25"
    tolerance: DecimalText = "0.05"
    note: str | None = None
    translation: str | None = None
    nodes: Annotated[tuple[NodeDef, ...], Field(min_length=1)]
    links: tuple[LinkDef, ...] = ()


class InvalidFile(ValueError):  # noqa: N818  # reads as what it is: raise InvalidFile(...)
    """A plan or catalogue file with mistakes; `errors` names every one: file, line, pointer, reason."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("\n".join(f"{e['file']}:{e['line']}: {e['pointer'] or '/'}: {e['reason']}" for e in errors))
        self.errors = errors


def load_plan(text: str, name: str) -> PlanDef:
    """Read a plan file. Raises InvalidFile with everything that is wrong."""
    raise NotImplementedError


def load_catalogue(text: str, name: str, *, departments: Collection[str] = ()) -> CatalogueDef:
    """Read a catalogue file. Raises InvalidFile with everything that is wrong."""
    raise NotImplementedError


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan file."""
    raise NotImplementedError


def kpi_schema() -> dict[str, Any]:
    """Return the JSON Schema of a catalogue file."""
    raise NotImplementedError
