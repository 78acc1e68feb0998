"""What becomes of a notice after an attempt to deliver it: a table of outcomes, growing delays, and an end. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

RETRY_DELAYS_S = (5, 30, 120, 600, 1_800, 3_600)
"""Seconds before the next attempt, by the number of attempts made; the last one repeats."""

OUTAGE_DELAYS_S = (1, 2, 5, 10, 20, 30)
"""Seconds before a server that could not be reached is tried again; the last one repeats.

Short, because an outage costs no attempt: all waiting notices go out within half a minute of the server's return.
"""

GIVE_UP_AFTER = timedelta(days=5)
"""How long a notice is tried; RFC 5321 section 4.5.4.1 asks for at least four to five days."""

SERVER_TEXT_MAX = 500
"""Characters of a server's answer that are kept."""


class State(StrEnum):
    """Where a notice is. `sent` and `failed-permanent` are terminal: nothing moves a notice out of them."""

    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    FAILED_TEMPORARY = "failed-temporary"
    FAILED_PERMANENT = "failed-permanent"


TERMINAL = frozenset({State.SENT, State.FAILED_PERMANENT})


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel took the notice: it is the channel's now."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The channel answered that this notice cannot be taken now (SMTP 4xx, a connection lost half way)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel answered that this notice will never be taken (SMTP 5xx)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The channel itself is away or refuses us all: says nothing about this notice and costs it no attempt."""

    reason: str


Outcome = Accepted | Deferred | Refused | Unreachable


@dataclass(frozen=True, slots=True)
class Next:
    """The state a notice moves to, and when it is due again."""

    state: State
    delay_s: int = 0
    reason: str = ""
    costs_attempt: bool = True


def next_step(outcome: Outcome, *, attempts: int, age: timedelta) -> Next:
    """Return what becomes of a notice after its `attempts`-th attempt (1 for the first), `age` after its creation."""
    if isinstance(outcome, Accepted):
        return Next(State.SENT)
    reason = outcome.reason[:SERVER_TEXT_MAX]
    if isinstance(outcome, Refused):
        return Next(State.FAILED_PERMANENT, reason=reason)
    if age >= GIVE_UP_AFTER:
        return Next(State.FAILED_PERMANENT, reason=f"given up after {GIVE_UP_AFTER.days} days: {reason}")
    if isinstance(outcome, Unreachable):
        return Next(State.FAILED_TEMPORARY, delay_s=OUTAGE_DELAYS_S[0], reason=reason, costs_attempt=False)
    return Next(State.FAILED_TEMPORARY, delay_s=_nth(RETRY_DELAYS_S, attempts), reason=reason)


def outage_pause_s(failures: int) -> int:
    """Return how long to leave a channel alone after so many failures in a row to reach it (1 for the first)."""
    return _nth(OUTAGE_DELAYS_S, failures)


def _nth(delays: tuple[int, ...], count: int) -> int:
    return delays[min(max(count, 1), len(delays)) - 1]


assert list(RETRY_DELAYS_S) == sorted(RETRY_DELAYS_S)
assert list(OUTAGE_DELAYS_S) == sorted(OUTAGE_DELAYS_S)
