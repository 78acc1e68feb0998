"""Terms: one sum over the items of one event type, as data."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from citygoals.shared.business_def import WITHIN_S_MAX
from citygoals.shared.model import DATA_PATH_PATTERN, VALUE_PATTERN, DaysText, EventType, Model

Value = Annotated[str, StringConstraints(pattern=VALUE_PATTERN, max_length=200)]
DataPath = Annotated[str, StringConstraints(pattern=DATA_PATH_PATTERN, max_length=200)]
Where = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


CONDITIONS = frozenset({"where", "unless", "important", "rated", "satisfied"})
"""The names of the fields in which measures have conditions."""


class Term(Model):
    """One sum over the items of one event type.

    `value` is `count` (1 for each item), `data.<field>` (an integer of the item) or `seconds` (whole seconds from the
    fact's first standing `since` item to this one). Left out, it is `seconds` where `since` is given, else `count`.
    An item whose fact has no `since` item gives nothing, whatever the value; nor does one later than `within_s` seconds
    after it.
    """

    event: EventType
    value: Value = "count"
    where: Where | None = None
    take: Literal["standing", "every"] = "standing"
    reopened_within: DaysText | None = None
    since: EventType | None = None
    within_s: Annotated[int, Field(ge=0, le=WITHIN_S_MAX, strict=True)] | None = None
    sign: Literal[1, -1] = 1

    @model_validator(mode="before")
    @classmethod
    def _value_of_since(cls, fields: object) -> object:
        if isinstance(fields, dict) and fields.get("since") is not None and "value" not in fields:
            return {**fields, "value": "seconds"}
        return fields

    @model_validator(mode="after")
    def _seconds_need_since(self) -> "Term":
        if self.value == "seconds" and self.since is None:
            raise ValueError("value `seconds` needs `since`: the event type that the seconds are counted from")
        if self.within_s is not None and self.since is None:
            raise ValueError("`within_s` needs `since`: the event type that the seconds are counted from")
        return self

    @property
    def path(self) -> tuple[str, ...]:
        """The field below `data`, for example ("attendees",); () for `count` and `seconds`."""
        return tuple(self.value.split(".")[1:])


def _as_list(value: object) -> object:
    return [value] if isinstance(value, (dict, Term)) else value


def _some(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    if not terms:
        raise ValueError("at least one term is needed")
    return terms


Terms = Annotated[
    tuple[Term, ...],
    AfterValidator(_some),
    BeforeValidator(_as_list, json_schema_input_type=Term | Annotated[list[Term], Field(min_length=1)]),
]
"""One term, or a list of them."""


class Termless(Model):
    """A measure that is not made of terms, but of measurements, presences, a deadline or other KPIs."""

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """None, unless the kind says otherwise."""
        return ()

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """None."""
        return ()
