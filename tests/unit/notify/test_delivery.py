from datetime import timedelta

import pytest
from citygoals.notify.delivery import (
    GIVE_UP_AFTER,
    RETRY_DELAYS_S,
    TERMINAL,
    Accepted,
    Deferred,
    Outcome,
    Refused,
    State,
    Unreachable,
    next_step,
    outage_pause_s,
)

YOUNG = timedelta(minutes=1)


def test_accepted_is_sent() -> None:
    assert next_step(Accepted(), attempts=1, age=YOUNG).state == State.SENT


def test_refused_fails_at_once() -> None:
    step = next_step(Refused("550 unknown"), attempts=1, age=YOUNG)
    assert (step.state, step.reason) == (State.FAILED_PERMANENT, "550 unknown")


def test_deferred_is_tried_again_at_growing_intervals() -> None:
    delays = [next_step(Deferred("451 busy"), attempts=attempt, age=YOUNG).delay_s for attempt in range(1, 10)]
    assert delays == [*RETRY_DELAYS_S, 3_600, 3_600, 3_600]


def test_an_outage_costs_no_attempt_and_is_over_within_half_a_minute() -> None:
    step = next_step(Unreachable("connection refused"), attempts=1, age=YOUNG)
    assert (step.state, step.costs_attempt) == (State.FAILED_TEMPORARY, False)
    assert [outage_pause_s(failures) for failures in (1, 2, 3, 4, 5, 6, 100)] == [1, 2, 5, 10, 20, 30, 30]


@pytest.mark.parametrize("outcome", [Deferred("451 busy"), Unreachable("refused")])
def test_there_is_an_end_after_five_days(outcome: Outcome) -> None:
    assert next_step(outcome, attempts=99, age=GIVE_UP_AFTER - timedelta(seconds=1)).state == State.FAILED_TEMPORARY
    step = next_step(outcome, attempts=99, age=GIVE_UP_AFTER)
    assert step.state == State.FAILED_PERMANENT
    assert step.reason.startswith("given up after 5 days")


def test_a_talkative_server_is_cut_short() -> None:
    assert len(next_step(Refused("x" * 10_000), attempts=1, age=YOUNG).reason) == 500


def test_exactly_two_states_are_terminal() -> None:
    assert {State.SENT, State.FAILED_PERMANENT} == TERMINAL
