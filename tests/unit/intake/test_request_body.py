import gzip
import random
import time
import zlib

import pytest
from citygoals.intake.request_body import PIECE_BYTES, unzip
from citygoals.shared.problem import Problem

LIMIT = 1000


def refused(body: bytes) -> int:
    with pytest.raises(Problem) as caught:
        unzip(body, LIMIT)
    return caught.value.status


def test_what_fits() -> None:
    assert unzip(gzip.compress(b"x" * LIMIT), LIMIT) == b"x" * LIMIT
    assert unzip(gzip.compress(b""), LIMIT) == b""
    assert unzip(b"", LIMIT) == b""


def test_several_members_are_one_body() -> None:
    assert unzip(gzip.compress(b"ab") + gzip.compress(b"cd"), LIMIT) == b"abcd"


def test_tens_of_thousands_of_members_are_read_in_passing() -> None:
    started = time.process_time()
    assert unzip(gzip.compress(b"") * 50_000, LIMIT) == b""
    assert time.process_time() - started < 0.4


def test_members_may_end_anywhere() -> None:
    for size in range(PIECE_BYTES - 30, PIECE_BYTES + 5):
        member = gzip.compress(random.Random(size).randbytes(size), compresslevel=0)
        assert unzip(member + gzip.compress(b"x"), 3 * PIECE_BYTES)[size:] == b"x"


def test_a_bomb_is_stopped_wherever_it_sits() -> None:
    assert refused(gzip.compress(b"x" * (LIMIT + 1))) == 413
    assert refused(gzip.compress(b"x" * LIMIT) + gzip.compress(b"x")) == 413
    assert refused(gzip.compress(b"\0" * 50_000_000)) == 413


def test_what_is_no_gzip() -> None:
    assert refused(b"plain") == 400
    assert refused(zlib.compress(b"zlib")) == 400
    assert refused(gzip.compress(b"cut" * 100)[:-9]) == 400
    assert refused(gzip.compress(b"x") + b"rubbish") == 400
    broken = bytearray(gzip.compress(b"checksum"))
    broken[-6] ^= 1
    assert refused(bytes(broken)) == 400
