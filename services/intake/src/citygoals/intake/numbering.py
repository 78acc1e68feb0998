"""Which of the offered events are new, and the numbers they get. Pure."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from citygoals.intake.gate import Admitted


class Outcome(Enum):
    """What became of an event that passed the gate."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class Numbered(NamedTuple):
    """A new event with its number in the lane."""

    seq: int
    event: Admitted


def number(
    events: Iterable[Admitted], known: dict[bytes, bytes], next_seq: int
) -> tuple[list[Outcome], list[Numbered]]:
    """Give each event its outcome and each new one the next number, without gaps.

    `known` maps the keys that are taken to the digests they were taken with; the new keys are added to it, so that
    the same event twice in one group is a duplicate as well.
    """
    outcomes: list[Outcome] = []
    new: list[Numbered] = []
    for event in events:
        taken = known.get(event.key)
        if taken is None:
            known[event.key] = event.digest
            new.append(Numbered(next_seq + len(new), event))
            outcomes.append(Outcome.ACCEPTED)
        else:
            outcomes.append(Outcome.DUPLICATE if taken == event.digest else Outcome.CONFLICT)
    return outcomes, new
