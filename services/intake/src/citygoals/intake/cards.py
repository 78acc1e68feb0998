"""Card numbers: found wherever a payment event may carry one. Pure.

A card number is a run of 13 to 19 digits that passes the Luhn check and begins as an issuer's numbers begin.
Separators between the digits do not hide it, nor do digits of other scripts or invisible characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from citygoals.shared.definition_file import pointer as pointer_of

DIGITS_MIN, DIGITS_MAX = 13, 19

# Visa; Mastercard; American Express; Diners Club; JCB; Discover; UnionPay; Mir; Maestro.
_ISSUER = re.compile(
    r"4|5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720|3[47]|30[0-5]|3095|3[689]|352[89]|35[3-8]\d"
    r"|6011|64[4-9]|65|62|220[0-4]|5018|5020|5038|5893|6304|6759|676[1-3]"
)
_SEPARATORS = " \t\r\n._/-"
_RUN = re.compile(rf"\d(?:[{re.escape(_SEPARATORS)}]{{0,3}}\d){{{DIGITS_MIN - 1},}}", re.ASCII)
_GROUP = re.compile(r"\d+", re.ASCII)
# Random identifiers have long runs of digits by chance: one in a few thousand would look like a card. So have instants
# west of Greenwich with nanoseconds (of 45.123456789-07:00, one in ten) and numbers with a date (5100234567-20261121).
_IDENTIFIER = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?=\w*[a-f])[0-9a-f]{24,}\b"
    r"|\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b"  # W3C trace context
    r"|\b[0-9]{4}-[0-9]{2}-[0-9]{2}[t ][0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}-[0-9]{2}:?[0-9]{2}\b"
    r"|(?<![0-9])(?:19|20)[0-9]{2}([-/.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"|(?<![0-9])(?:0[1-9]|1[0-2])/(?:0[1-9]|[12][0-9]|3[01])/(?:19|20)[0-9]{2}(?![0-9])",
    re.IGNORECASE,
)

_ALIKE = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256))
_LONG_RUN = b"0" * DIGITS_MIN
# Luhn doubles every second digit and adds the digits of the result: 0246813579.
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def may_hold_card(body: bytes) -> bool:
    """Tell cheaply whether `body` (compact JSON) is worth a look: False is certain, True is not."""
    if _LONG_RUN in body.translate(_ALIKE, _SEPARATORS.encode()):
        return True
    # What an escape or another script stands for is not seen in the bytes.
    return b"\\" in body or not body.isascii()


def is_card(digits: str) -> bool:
    """Tell whether a string of ASCII digits is a card number."""
    return DIGITS_MIN <= len(digits) <= DIGITS_MAX and _ISSUER.match(digits) is not None and _luhn(digits)


def _luhn(digits: str) -> bool:
    places = digits.encode()[::-1]
    # The code of "0" is 48, so both sums are taken over codes and the zeros are taken off at the end.
    total = sum(places[::2]) + sum(places[1::2].translate(_DOUBLED)) - 48 * len(places)
    return total % 10 == 0


def find_cards(text: str) -> Iterator[tuple[int, int]]:
    """Give (start, end) of every card number in `text`, which must be plain (see `plain`)."""
    for run in _RUN.finditer(_IDENTIFIER.sub(lambda found: "x" * len(found[0]), text)):
        groups = [(run.start() + group.start(), group[0]) for group in _GROUP.finditer(run[0])]
        first = 0
        while first < len(groups):
            last = _card_from(groups, first)
            if last is None:
                first += 1
                continue
            yield groups[first][0], groups[last][0] + len(groups[last][1])
            first = last + 1


def _card_from(groups: list[tuple[int, str]], first: int) -> int | None:
    """Return the index of the group with which a card that begins at group `first` ends."""
    digits = ""
    for last in range(first, len(groups)):
        digits += groups[last][1]
        if len(digits) > DIGITS_MAX:
            return None
        if is_card(digits):
            return last
    return None


def plain(text: str) -> str:
    """Return `text` with the digits of every script as ASCII, every kind of space or dash as one, no invisible marks."""
    if text.isascii():
        return text
    return "".join(_plain_character(character) for character in unicodedata.normalize("NFKC", text))


def _plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    return {"Zs": " ", "Pd": "-", "Cf": "", "Mn": ""}.get(category, character)


def holds_card(value: str | int) -> bool:
    """Tell whether a JSON string or integer holds a card number."""
    text = plain(value) if isinstance(value, str) else str(value)
    return next(find_cards(text), None) is not None


def masked(text: str) -> str:
    """Return `text` with the digits of every card number as asterisks; unchanged when there is none."""
    flat = plain(text)
    found = list(find_cards(flat))
    for start, end in found:
        flat = flat[:start] + re.sub(r"\d", "*", flat[start:end]) + flat[end:]
    return flat if found else text


def card_pointers(value: Any, pointer: str = "") -> list[str]:
    """Return the JSON pointer of every place in `value` that holds a card number.

    A number in the name of a member points at the object, so that the pointer itself holds none. Fractions are not
    looked at: coordinates have as many digits as cards.
    """
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _in_member(name, item, pointer)]
    if isinstance(value, list):
        return [found for place, item in enumerate(value) for found in card_pointers(item, f"{pointer}/{place}")]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) or type(value) is int:
        return [pointer] if holds_card(value) else []
    return []


def _in_member(name: str, item: Any, pointer: str) -> list[str]:
    if holds_card(name):
        return [pointer]
    return card_pointers(item, pointer + pointer_of((name,)))
