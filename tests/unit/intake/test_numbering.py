from citygoals.intake.gate import Admitted
from citygoals.intake.numbering import Outcome, number
from hypothesis import given
from hypothesis import strategies as st

ACCEPTED, DUPLICATE, CONFLICT = Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT


def offered(key: int, content: int = 0) -> Admitted:
    return Admitted(f"{key}", "/systems/demo", "t", bytes([key]), bytes([content]), "s", b"{", None)


def test_new_known_other_and_twice() -> None:
    events = [offered(1), offered(2), offered(3), offered(1), offered(1, 9), offered(4)]
    outcomes, new = number(events, {b"\x02": b"\x00", b"\x03": b"\x07"}, 10)
    assert outcomes == [ACCEPTED, DUPLICATE, CONFLICT, DUPLICATE, CONFLICT, ACCEPTED]
    assert [(seq, event.id) for seq, event in new] == [(10, "1"), (11, "4")]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=40), st.integers(1, 50))
def test_numbers_have_no_gaps_and_a_repetition_changes_nothing(pairs: list[tuple[int, int]], first: int) -> None:
    known: dict[bytes, bytes] = {}
    events = [offered(key, content) for key, content in pairs]
    outcomes, new = number(events, known, first)
    assert [seq for seq, _ in new] == list(range(first, first + len(new)))
    assert len({event.key for _, event in new}) == len(new) == outcomes.count(ACCEPTED)
    again, none_new = number(events, known, first + len(new))
    assert not none_new
    assert ACCEPTED not in again
    assert [outcome is CONFLICT for outcome in again] == [outcome is CONFLICT for outcome in outcomes]
