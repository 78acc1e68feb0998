"""Lines become items or refusals, whatever is in them."""

import io

import pytest
from citygoals.local.door import Item, Receipt
from citygoals.local.publishing import LINE_BYTES_MAX, _batches


def read(text: bytes) -> tuple[list[Item], Receipt]:
    receipt = Receipt()
    items = [item for batch in _batches(io.BytesIO(text), receipt) for item in batch]
    return items, receipt


def test_lines_keep_their_numbers() -> None:
    items, receipt = read(b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"b":2}\n[]\nnull\n{"c":\n{"d":3}')
    assert [(item.number, item.body) for item in items] == [(1, b'{"a":1}'), (4, b'{"b":2}'), (8, b'{"d":3}')]
    assert [(item.number, item.code) for item in receipt.rejected] == [
        (5, "malformed"),
        (6, "malformed"),
        (7, "malformed"),
    ]


def test_a_line_without_end_takes_no_memory_and_the_next_one_counts() -> None:
    long = b'{"a":"' + b"x" * (3 * LINE_BYTES_MAX) + b'"}'
    items, receipt = read(b'{"a":1}\n' + long + b'\n{"b":2}\n' + long)
    assert [item.number for item in items] == [1, 3]
    assert [(item.number, item.code) for item in receipt.rejected] == [(2, "too_large"), (4, "too_large")]


@pytest.mark.parametrize("text", [b"", b"\n\n"])
def test_nothing_is_nothing(text: bytes) -> None:
    items, receipt = read(text)
    assert (items, receipt.rejected) == ([], [])
