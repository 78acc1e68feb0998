"""Headers of delivered messages, parsed on demand."""

from citygoals.shared.lean import Headers


def test_headers_are_a_mapping() -> None:
    headers = Headers(b"Nats-Msg-Id: a1\r\ntraceparent:00-x\r\nEmpty: \r\nWith: colon: inside\r\n\r\n")
    assert dict(headers) == {"Nats-Msg-Id": "a1", "traceparent": "00-x", "Empty": "", "With": "colon: inside"}
    assert headers.get("nope") is None
    assert len(headers) == 4


def test_broken_lines_and_bytes_do_no_harm() -> None:
    headers = Headers(b"no colon here\r\nA: \xff\xfe\r\n\r\n")
    assert list(headers) == ["A"]
    assert bool(Headers(b""))
    assert dict(Headers(b"")) == {}
