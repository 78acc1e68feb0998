"""Kinds of measures that rate what people answered."""

from functools import cached_property
from typing import ClassVar, Literal

from citygoals.shared.model import EventType, Model
from citygoals.shared.terms import Term, Where


class ImportanceSatisfactionMeasure(Model):
    """Importance times the share of people who are not satisfied: where more effort is felt most.

    Importance is the share of all answers that are `important`: they name the thing among the first. Satisfaction is the
    share of the `rated` answers that are `satisfied`; "don't know" is no rating. Both are conditions over one event type,
    so no share is ever above 1.
    """

    is_daily: ClassVar[bool] = False

    kind: Literal["importance_satisfaction"]
    event: EventType
    important: Where
    rated: Where
    satisfied: Where
    where: Where | None = None

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """None: which of the answers are important is asked of each."""
        return ()

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """All answers."""
        return (Term(event=self.event, where=self.where),)
