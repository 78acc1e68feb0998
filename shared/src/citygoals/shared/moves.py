"""Moves: which state a record may be in next, and what a record remembers of who moved it, when and why. Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from citygoals.shared.model import Model

Person = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
KeyName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ReasonText = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]

HISTORY_MAX = 1_000

Legal = Mapping[str, tuple[str, ...]]
"""The states that may follow each state."""


class Act(Model):
    """Who did something, when and why; `key` names the key that it was done with."""

    at: AwareDatetime
    by: Person
    key: KeyName
    reason: ReasonText | None = None


class Illegal(ValueError):  # noqa: N818 - reads as what it is: raise Illegal(...)
    """What a record in its state does not allow; `legal` are the states that it may be moved to."""

    def __init__(self, detail: str, *, state: str, legal: Sequence[str]) -> None:
        super().__init__(detail)
        self.state = state
        self.legal = tuple(legal)


def check_move(legal: Legal, state: str, to: str) -> None:
    """Raise Illegal unless what is in `state` may be moved to `to`."""
    if to not in legal[state]:
        ways = " or ".join(legal[state]) or "nothing else any more"
        raise Illegal(f"what is {state} becomes {ways}, not {to}", state=state, legal=legal[state])


def check_room(history: Sequence[Act], *, state: str) -> None:
    """Raise Illegal for a record that has been moved and changed so often that its history is full."""
    if len(history) >= HISTORY_MAX:
        raise Illegal(f"its history is full: it has {HISTORY_MAX} acts", state=state, legal=())


def is_said_again(last: Act, act: Act) -> bool:
    """Say whether an act has the same person and reason as the last one: the same request, sent again."""
    return (last.by, last.reason) == (act.by, act.reason)
