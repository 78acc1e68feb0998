"""Whole numbers of any size in PostgreSQL's binary form of `numeric` (base 10,000 digits); never a float. Pure."""

import struct

_BASE = 10_000
_NEGATIVE = 0x4000
_HEADER = struct.Struct(">hhHH")  # digits, weight of the first, sign, decimals shown
_ZERO = _HEADER.pack(0, 0, 0, 0)
_ONE_DIGIT = struct.Struct(">hhHHH")


def encode_integer(value: int) -> bytes:
    """Encode one integer. Raises TypeError for anything else, so that no fraction slips in."""
    if not isinstance(value, int):
        raise TypeError(f"numeric columns take integers, not {type(value).__name__}")
    sign, rest = (0, value) if value >= 0 else (_NEGATIVE, -value)
    if rest < _BASE:
        return _ONE_DIGIT.pack(1, 0, sign, 0, rest) if rest else _ZERO
    digits: list[int] = []
    while rest:
        rest, digit = divmod(rest, _BASE)
        digits.append(digit)
    digits.reverse()
    return _HEADER.pack(len(digits), len(digits) - 1, sign, 0) + struct.pack(f">{len(digits)}H", *digits)


def decode_integer(data: bytes) -> int:
    """Decode one integer. Raises ValueError for NaN, infinities and fractions."""
    count, weight, sign, _ = _HEADER.unpack_from(data)
    if sign not in (0, _NEGATIVE) or count > weight + 1:
        raise ValueError("a numeric column holds something that is not a whole number")
    value = 0
    for digit in struct.unpack_from(f">{count}H", data, _HEADER.size):
        value = value * _BASE + digit
    value *= _BASE ** (weight + 1 - count) if count else 1
    return -value if sign else value
