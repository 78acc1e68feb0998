import pytest
from citygoals.intake.rate import BURST_S, Rate


def test_a_burst_then_the_rate() -> None:
    rate = Rate(100)
    assert rate.wait_s("a", 200, 0.0) == 0
    assert rate.wait_s("a", 10, 0.0) == pytest.approx(0.1)
    assert rate.wait_s("a", 10, 0.1) == 0
    assert rate.wait_s("b", 200, 0.1) == 0, "each key has its own bucket"


def test_a_request_larger_than_the_bucket_passes_when_it_is_full() -> None:
    rate = Rate(10)
    assert rate.wait_s("a", 1000, 0.0) == 0
    assert rate.wait_s("a", 1, 1.0) > 0, "and is paid for afterwards"
    assert rate.wait_s("a", 1, 1000 / 10 + BURST_S) == 0


def test_no_limit() -> None:
    assert Rate(0).wait_s("a", 10**9, 0.0) == 0
