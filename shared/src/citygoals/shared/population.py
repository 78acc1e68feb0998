"""Dated reference tables, such as how many people live in each district: what rates are divided by. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from citygoals.shared.definition_file import DefinitionFile
from citygoals.shared.model import KebabId, Model, Text, number_as_text, one_id_each

VALUE_MAX = 10**15


Member = Annotated[KebabId, BeforeValidator(number_as_text, json_schema_input_type=str | int)]
Note = Annotated[str, StringConstraints(max_length=2000)]


class RowDef(Model):
    """What is known from one day on, of one member (a district, a department) or, without one, of the whole city."""

    from_: date = Field(alias="from")
    member: Member | None = None
    value: Annotated[int, Field(ge=0, le=VALUE_MAX, strict=True)]
    verified: bool = False


def _one_value_a_day(rows: Sequence[RowDef]) -> Sequence[RowDef]:
    seen: set[tuple[str | None, date]] = set()
    for row in rows:
        if (row.member, row.from_) in seen:
            raise ValueError(f"{row.member or 'the city'} has two values from {row.from_.isoformat()}")
        seen.add((row.member, row.from_))
    return rows


class ReferenceDef(Model):
    """A table of integers by day, each of which holds until the next of the same member.

    `verified` says that every row was found in the `source`; where only some were, the rows say which.
    """

    id: KebabId
    title: Text
    source: Note
    verified: bool = False
    sample: bool = False
    note: Note | None = None
    rows: Annotated[tuple[RowDef, ...], AfterValidator(_one_value_a_day)]

    def value_at(self, day: date, member: str | None = None) -> int | None:
        """Return the value in force on a day, of a member or, without one, of the city.

        None before the first row, and for a member without any: nothing is known, which is not zero, and the city's
        value never stands in for it.
        """
        days, values = self._by_member.get(member, ((), ()))
        index = bisect_right(days, day)
        return values[index - 1] if index else None

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The members that have a value on some day, in order."""
        return tuple(sorted(member for member in self._by_member if member is not None))

    @cached_property
    def _by_member(self) -> dict[str | None, tuple[tuple[date, ...], tuple[int, ...]]]:
        rows = sorted(self.rows, key=lambda row: row.from_)
        found: dict[str | None, tuple[tuple[date, ...], tuple[int, ...]]] = {}
        for row in rows:
            days, values = found.get(row.member, ((), ()))
            found[row.member] = (*days, row.from_), (*values, row.value)
        return found


class ReferencesDef(Model):
    """A file of reference tables."""

    note: Note | None = None
    references: Annotated[tuple[ReferenceDef, ...], AfterValidator(one_id_each)]


def load_references(text: str, name: str) -> ReferencesDef:
    """Read a file of reference tables (YAML). Raises InvalidFile with everything that is wrong."""
    return DefinitionFile(text, name).validate(ReferencesDef)
