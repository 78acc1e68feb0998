"""Whole numbers in PostgreSQL's binary numeric."""

import struct

import pytest
from citygoals.shared.numeric import decode_integer, encode_integer
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(min_value=-(10**60), max_value=10**60))
def test_every_integer_comes_back(value: int) -> None:
    assert decode_integer(encode_integer(value)) == value


@given(st.integers(min_value=0, max_value=30), st.integers(min_value=-9999, max_value=9999))
def test_numbers_that_end_in_zeros_come_back(zeros: int, value: int) -> None:
    assert decode_integer(encode_integer(value * 10**zeros)) == value * 10**zeros


def test_the_server_drops_trailing_zero_digits() -> None:
    assert decode_integer(struct.pack(">hhHHH", 1, 2, 0, 0, 5)) == 5 * 10**8


@pytest.mark.parametrize("value", [1.0, "1", None, 1.5])
def test_only_integers_go_in(value: object) -> None:
    with pytest.raises(TypeError):
        encode_integer(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("header", [(0, 0, 0xC000, 0), (0, 0, 0xD000, 0), (0, 0, 0xF000, 0)])
def test_nan_and_infinities_do_not_come_out(header: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="whole number"):
        decode_integer(struct.pack(">hhHH", *header))


def test_fractions_do_not_come_out() -> None:
    with pytest.raises(ValueError, match="whole number"):
        decode_integer(struct.pack(">hhHHHH", 2, 0, 0, 1, 1, 5000))  # 1.5
