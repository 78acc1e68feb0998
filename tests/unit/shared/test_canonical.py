"""Equal content has one form and one digest: proven against the reference library for RFC 8785."""

import hashlib
import json
from typing import Any

import orjson
import pytest
import rfc8785
from citygoals.shared.canonical import DEPTH_MAX, canonical, digest_of, normalise
from hypothesis import example, given, settings
from hypothesis import strategies as st

SAFE = 2**53 - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | TEXTS | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


@given(VALUES)
@example({"é": 1, "z": 2, "A": 3})
@example({"\U0001f600": 1, "\ufb33": 2})  # UTF-16 sorts these the other way round
@example({"a": 1e300, "b": 1e-7, "c": 333333333.33333329, "d": 4.5, "e": -0.0})
@example({"a": '\x7f\x1f\u2028"\\/\b'})
def test_both_paths_give_the_form_of_the_standard(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=500)
@given(st.floats(1e-6, 1e17) | st.floats(-1e17, -1e-6))
@example(1e-4)
@example(0.00009999999999999999)
@example(1e15 - 0.125)
@example(1e21)
def test_ordinary_fractions_have_the_form_of_the_standard(number: float) -> None:
    assert canonical([number, {"a": number}]) == rfc8785.dumps([number, {"a": number}])


@given(VALUES)
def test_the_form_does_not_depend_on_the_order_of_members(value: Any) -> None:
    def turned(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(item) for item in part] if isinstance(part, list) else part

    assert canonical(turned(value)) == canonical(value)


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_an_integral_float_is_the_integer(number: int) -> None:
    sent = json.loads(f'{{"a": [{number}.0], "b": {{"c": {number}}}}}')

    normal = normalise(sent)

    assert normal == {"a": [number], "b": {"c": number}}
    assert type(normal["a"][0]) is int
    assert canonical(sent) == canonical(normal)


def test_normalising_leaves_alone_what_needs_no_change() -> None:
    data = {"a": 1, "b": ["x", {"c": None}], "d": 1.5, "e": 1e300, "f": True}

    assert normalise(data) is data
    assert normalise({"a": {"b": 2.0}, "c": data["b"]})["c"] is data["b"]


def test_integers_beyond_the_standard_keep_their_digits() -> None:
    assert canonical({"a": 2**53 + 1, "b": 2**70, "ñ": -(2**63)}) == (
        b'{"a":9007199254740993,"b":1180591620717411303424,"\xc3\xb1":-9223372036854775808}'
    )


def test_the_digest_is_of_type_subject_time_and_data() -> None:
    form = b'["city.payment.settled.v1",null,"2026-11-21T10:03:05Z",{"amount_minor":100}]'

    digest = digest_of("city.payment.settled.v1", None, "2026-11-21T10:03:05Z", {"amount_minor": 100.0})

    assert digest == hashlib.blake2b(form, digest_size=16).digest()
    assert digest != digest_of("city.payment.settled.v1", "", "2026-11-21T10:03:05Z", {"amount_minor": 100})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\ud800": 1}])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        digest_of("t", None, "x", {"a": value})


def nested(depth: int, inner: Any) -> Any:
    return orjson.loads(b'{"a":' * depth + orjson.dumps(inner) + b"}" * depth)


@pytest.mark.parametrize("inner", [1, 1.0, 1.5])
def test_data_may_be_nested_only_so_deep(inner: float) -> None:
    digest_of("t", None, "x", nested(DEPTH_MAX, inner))
    with pytest.raises(ValueError, match="deeper than 64"):
        digest_of("t", None, "x", nested(DEPTH_MAX + 1, inner))
    with pytest.raises(ValueError, match="deeper than 64"):
        normalise(nested(900, inner))
