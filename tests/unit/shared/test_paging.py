import pytest
from citygoals.shared.paging import cursor_of, next_link, read_cursor, read_name
from citygoals.shared.problem import Problem
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import URL


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_as_it_went(number: int) -> None:
    assert read_cursor(cursor_of(number), 2**63 - 1) == number


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_comes_back_as_it_went(name: str) -> None:
    assert read_name(cursor_of(name)) == name


@pytest.mark.parametrize("cursor", ["x", "_w", "!", "a.b", "\u00e9"])
def test_foreign_names(cursor: str) -> None:
    with pytest.raises(Problem):
        read_name(cursor)


@pytest.mark.parametrize("cursor", ["", "x", "!!", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "MQ==", "\u00e9"])
def test_foreign_cursors(cursor: str) -> None:
    if cursor == "MQ==":  # padded by a careful client: still ours
        assert read_cursor(cursor, 10) == 1
        return
    with pytest.raises(Problem):
        read_cursor(cursor, 2**63 - 1)


def test_the_link_keeps_the_query() -> None:
    assert next_link(URL("http://x/v1/q?limit=2&cursor=MQ"), "Mg") == '</v1/q?limit=2&cursor=Mg>; rel="next"'
