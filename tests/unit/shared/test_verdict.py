"""The failure table."""

from itertools import pairwise

import pytest
from citygoals.shared.errors import Conflict, Malformed, Unavailable
from citygoals.shared.verdict import ATTEMPTS_UNFORESEEN, RETRY_MOST_S, Ack, Quarantine, Retry, retry_delay_s, verdict


class PostgresError(Exception):
    """What a driver's error looks like from here: it has an SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


PASSING: dict[str, BaseException] = {
    "unavailable": Unavailable("away"), "timeout": TimeoutError(), "refused": ConnectionRefusedError(), "os": OSError(),
    **{code: PostgresError(code) for code in ("08006", "40001", "40P01", "53300", "57P01", "57014", "58030")},
}  # fmt: skip
UNFORESEEN: dict[str, BaseException] = {
    "key": KeyError(), "zero": ZeroDivisionError(), "unique": PostgresError("23505"), "empty": PostgresError(""),
}  # fmt: skip


def test_success_is_an_ack() -> None:
    assert verdict(None, 1) == Ack()


@pytest.mark.parametrize("attempt", [1, 5, 1000])
def test_malformed_is_put_aside_at_once(attempt: int) -> None:
    assert verdict(Malformed("no id"), attempt) == Quarantine("malformed: no id")


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("attempt", [1, 3, ATTEMPTS_UNFORESEEN, 100_000])
def test_what_is_away_is_waited_for_without_end(kind: str, attempt: int) -> None:
    assert verdict(PASSING[kind], attempt) == Retry(retry_delay_s(attempt))


@pytest.mark.parametrize("kind", UNFORESEEN)
def test_what_nobody_foresaw_is_tried_a_few_times(kind: str) -> None:
    error = UNFORESEEN[kind]
    for attempt in range(1, ATTEMPTS_UNFORESEEN):
        assert isinstance(verdict(error, attempt), Retry)
    last = verdict(error, ATTEMPTS_UNFORESEEN)
    assert isinstance(last, Quarantine)
    assert last.reason == f"failed 5 times: {type(error).__name__}"


def test_a_conflict_stops_everything() -> None:
    with pytest.raises(Conflict):
        verdict(Conflict("two truths"), 1)


def test_pauses_grow_to_a_limit() -> None:
    pauses = [retry_delay_s(attempt) for attempt in range(1, 40)]
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert all(later >= earlier for earlier, later in pairwise(pauses))
    assert pauses[-1] == RETRY_MOST_S


def test_a_reason_names_the_kind_and_never_the_content() -> None:
    assert "4111111111111111" not in verdict(ValueError("4111111111111111"), 9).reason  # type: ignore[union-attr]
