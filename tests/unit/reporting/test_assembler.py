"""Parts in any order, repeated or missing: every position comes out once, whole and in order."""

from datetime import UTC, date, datetime

import pytest
from citygoals.reporting.assembler import AHEAD_POSITIONS_MAX, Assembler
from citygoals.shared import changeset as changesets
from citygoals.shared.changeset import CellRow, Changeset, decode_changeset, encode_changeset
from hypothesis import given
from hypothesis import strategies as st

AT = datetime(2026, 11, 21, tzinfo=UTC)


def bodies(position: int, cells: int = 1) -> list[bytes]:
    rows = [CellRow("K", "day", date(2026, 1, 1), "district", str(n), n, 1, 1) for n in range(cells)]
    return encode_changeset(Changeset(position=position, recorded_at=AT, tick=AT, cells=rows))


@pytest.fixture(scope="module")
def parts() -> dict[int, list[bytes]]:
    """Nine positions; every third one in several parts."""
    largest = changesets.PART_MAX_BYTES
    changesets.PART_MAX_BYTES = 20_000
    try:
        return {position: bodies(position, 2000 if position % 3 == 0 else 1) for position in range(1, 10)}
    finally:
        changesets.PART_MAX_BYTES = largest


def offer(assembler: Assembler, *messages: bytes) -> list[int]:
    for body in messages:
        assembler.offer(decode_changeset(body), len(body))
    return [one.position for one in assembler.take()]


@given(data=st.data())
def test_any_order_any_duplicates_any_losses_then_asking_for_what_is_missing(
    data: st.DataObject, parts: dict[int, list[bytes]]
) -> None:
    everything = [body for bodies in parts.values() for body in bodies]
    delivered = data.draw(st.lists(st.sampled_from(everything), max_size=40))
    assembler = Assembler(0)
    taken: list[int] = []
    for body in delivered:
        taken += offer(assembler, body)
    while len(taken) < len(parts):
        position, number = assembler.position + 1, assembler.next_part
        assert not assembler.has_gap or assembler.is_waiting
        taken += offer(assembler, *parts[position][number - 1 :])
    assert taken == sorted(parts)
    assert not assembler.is_waiting
    assert assembler.held == 0


def test_an_incomplete_position_is_no_gap_until_a_later_one_arrives(parts: dict[int, list[bytes]]) -> None:
    assembler = Assembler(2)
    assert offer(assembler, parts[3][0]) == []
    assert not assembler.has_gap
    assert assembler.is_waiting
    assert assembler.next_part == 2
    assert offer(assembler, parts[4][0]) == []
    assert assembler.has_gap


def test_what_was_applied_is_skipped(parts: dict[int, list[bytes]]) -> None:
    assembler = Assembler(5)
    assert offer(assembler, *parts[4], *parts[5]) == []
    assert not assembler.is_waiting


def test_a_changeset_that_was_cut_anew_replaces_its_old_parts(parts: dict[int, list[bytes]]) -> None:
    assembler = Assembler(2)
    offer(assembler, parts[3][0])
    assert len(parts[3]) > 1
    assert offer(assembler, *bodies(3, 2000)) == [3]


def test_too_far_ahead_is_dropped_but_the_next_position_always_has_room(parts: dict[int, list[bytes]]) -> None:
    assembler = Assembler(0)
    assert offer(assembler, *bodies(AHEAD_POSITIONS_MAX + 1)) == []
    assert not assembler.is_waiting
    assert offer(assembler, *parts[1]) == [1]


def test_restarting_keeps_what_is_still_to_come(parts: dict[int, list[bytes]]) -> None:
    assembler = Assembler(0)
    offer(assembler, *parts[2], *parts[4], *parts[5])
    assembler.restart(3)
    assert [one.position for one in assembler.take()] == [4, 5]
