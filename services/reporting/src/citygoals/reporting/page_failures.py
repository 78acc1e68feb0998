"""What a page answers when it cannot be made: which status, and in which words. Pure."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from citygoals.reporting.page_cards import Answer
from citygoals.reporting.questions import Misread, Unknown
from citygoals.shared.errors import Unavailable


class NotFound(LookupError):  # noqa: N818  # reads as what it is: raise NotFound(...)
    """What a page is about does not exist."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"{what} {name}")
        self.values = {"what": what, "id": name}


def known(what: str, name: str, items: Sequence[Answer]) -> None:
    """Hold that a thing exists, or say which page is missing."""
    if all(item["id"] != name for item in items):
        raise NotFound(what, name)


def trouble(error: Exception) -> tuple[HTTPStatus, str, Mapping[str, str]]:
    """Return the status of a failed page, the key of its words, and what they name."""
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND, "not_found", error.values
    if isinstance(error, Unknown):
        return HTTPStatus.NOT_FOUND, "unknown", {"detail": error.detail}
    if isinstance(error, Misread):
        return HTTPStatus.BAD_REQUEST, "bad", {"detail": error.detail}
    if isinstance(error, Unavailable):
        return HTTPStatus.SERVICE_UNAVAILABLE, "busy", {}
    return HTTPStatus.INTERNAL_SERVER_ERROR, "crash", {}
