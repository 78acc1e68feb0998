"""The answers that a page is made of, all of one position."""

from collections.abc import Awaitable, Callable, Sequence

from citygoals.reporting.page_cards import Answer

TRIES = 3

Ask = Callable[[str | None], Awaitable[Answer]]
"""Asks for one answer, as of a position; None is the present."""


async def together(asks: Sequence[Ask], as_of: str | None) -> list[Answer]:
    """Return answers of one position.

    Reading the present is cheap and reading the past is not, so the present is asked until all answers happen to be of
    one position; only a city that moves on between every two of them is asked for a past one.
    """
    answers = [await ask(as_of) for ask in asks]
    for _ in range(TRIES):
        if len({position(answer) for answer in answers}) == 1:
            return answers
        answers = [await ask(as_of) for ask in asks]
    at = str(min(position(answer) for answer in answers))
    return [await ask(at) for ask in asks]


def position(answer: Answer) -> int:
    """Return the position that an answer is of."""
    return int(answer["as_of"]["position"])
