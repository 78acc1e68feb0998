import random

import pytest
from citygoals.intake.cards import card_pointers, find_cards, holds_card, is_card, masked, may_hold_card
from hypothesis import given
from hypothesis import strategies as st

VISA = "4111111111111111"


def with_check_digit(digits: str) -> str:
    """The digits and the one that makes them pass Luhn, by the rule as it is taught."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


@pytest.mark.parametrize(
    "digits",
    [
        *("4111111111111111", "4222222222222", "5555555555554444", "2223003122003222", "378282246310005"),
        *("6011111111111117", "30569309025904", "38520000023237", "3530111333300000", "6200000000000005"),
        *("2200770239097761", "6304000000000000", "5018000000000009", "4000000000000000006"),
    ],
)
def test_numbers_of_every_issuer(digits: str) -> None:
    assert is_card(digits)


@pytest.mark.parametrize(
    "digits",
    [
        "4111111111111112",  # fails Luhn
        "411111111111",  # too short
        "41111111111111111111",  # too long
        "9111111111111111",  # no issuer begins with 9
        "1763720000000",  # a time in milliseconds
        "0000000000000000",
    ],
)
def test_numbers_that_are_none(digits: str) -> None:
    assert not is_card(digits)


@given(
    st.sampled_from(["4", "51", "55", "34", "37", "6011", "65"]), st.integers(13, 19), st.randoms(use_true_random=False)
)
def test_any_length_with_an_issuers_prefix(prefix: str, length: int, chance: random.Random) -> None:
    body = prefix + "".join(chance.choice("0123456789") for _ in range(length - len(prefix) - 1))
    assert is_card(with_check_digit(body))


@pytest.mark.parametrize(
    "text",
    [
        VISA,
        "card 4111-1111-1111-1111 paid",
        "4111 1111 1111 1111",
        "4111.1111.1111.1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111 - 1111 - 1111 - 1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u200b1111\u200b1111\u200b1111",
        "\uff14\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11\uff11",
        "\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
        f"pan{VISA}x",
        "ref 12 4111 1111 1111 1111",
        "4111\t1111\t1111\t1111",
        "4111\n1111\n1111\n1111",
    ],
)
def test_disguises(text: str) -> None:
    assert holds_card(text)
    assert not holds_card(masked(text))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T10:15:30.123456-07:00",
        "2026-11-20T10:03:49.989917083-07:00",  # 49 989917083 07 passes Luhn, as every tenth such time does
        "at 2026-11-20t10:03:49.989917083-0700",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-abc4222222222222-01",  # a trace context
        "a3f1c2d4-4111-1111-1111-111111111111",  # a UUID
        "9f86d0814111111111111111d082659d9f86d081",  # a hash
        "+1 915 555 0123",
        "5100234563-20261121",  # each of these passes Luhn behind an issuer's prefix once its separators are gone
        "receipt 4000-1230 2026-11-21",
        "4500123450/11/21/2026",
        "amount 4111, 1111, 1111, 1111",
        "payment 4111111111111112",
        "",
    ],
)
def test_what_only_looks_like_one(text: str) -> None:
    assert not holds_card(text)
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"2026-11-20T10:03:49.123456789-07:00 {VISA}",
        f"2026-11-20T10:03:49.{VISA}-07:00",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-abc4222222222222-01-{VISA}",
    ],
)
def test_a_time_or_a_trace_hides_no_card(text: str) -> None:
    assert holds_card(text)


def test_two_cards_in_one_text() -> None:
    text = f"{VISA} and 5555 5555 5555 4444"
    assert [text[start:end] for start, end in find_cards(text)] == [VISA, "5555 5555 5555 4444"]
    assert masked(text) == "**************** and **** **** **** ****"


def test_pointers_name_the_place_and_not_the_number() -> None:
    value = {
        "a": {"b/c": [1, VISA]},
        "n": int(VISA),
        "f": 31.41111111111111111,
        "t": True,
        VISA: "x",
        "ok": "x",
        "i": float(VISA),
    }
    assert card_pointers(value) == ["/a/b~1c/1", "/n", "", "/i"]


@given(st.text(), st.sampled_from([VISA, "5555-5555-5555-4444"]), st.text(alphabet="abc ,;:"))
def test_a_card_is_found_wherever_it_stands(before: str, card: str, after: str) -> None:
    separated = f"{before}|{card}|{after}"
    assert holds_card(separated)
    assert may_hold_card(separated.encode("utf-8", "replace")) or not separated.isascii() or "\\" in separated


@given(st.text(max_size=60))
def test_the_cheap_look_misses_nothing_that_is_ascii(text: str) -> None:
    if text.isascii() and holds_card(text) and not (set(text) & set("\t\r\n")):
        assert may_hold_card(text.encode())
