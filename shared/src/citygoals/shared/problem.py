"""Errors over HTTP as RFC 9457 problem details; the only place that turns an error into a status code."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from citygoals.shared.errors import Conflict, Malformed, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class Problem(Exception):  # noqa: N818 - it is the problem
    """An answer other than success, raised from anywhere below an endpoint.

    `extra` becomes further members of the problem document (JSON values), `headers` become response headers.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title
        self.headers = headers
        self.extra = extra


def problem(
    status: int, title: str | None, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """Build a problem+json response; without a title, the status's own phrase is used."""
    body = {"type": "about:blank", "title": title or HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(orjson.dumps({**body, **extra}), status, headers, MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem document: ours, Starlette's, and FastAPI's validation errors."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Malformed, _on_malformed)
    app.add_exception_handler(Conflict, _on_conflict)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(Exception, _on_unforeseen)


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem(error.status, error.title, error.detail, headers=error.headers, **error.extra)


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, None, str(error.detail), headers=error.headers)


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"pointer": _pointer(e["loc"]), "detail": e["msg"]} for e in error.errors()]
    return problem(422, "The request is not valid", f"{len(errors)} errors", errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


async def _on_malformed(_: Request, error: Exception) -> Response:
    return problem(400, "The request cannot be read", str(error))


async def _on_conflict(_: Request, error: Exception) -> Response:
    return problem(409, None, str(error))


async def _on_unavailable(_: Request, error: Exception) -> Response:
    return problem(503, None, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})


async def _on_unforeseen(_: Request, __: Exception) -> Response:
    # The traceback goes to the log (Starlette raises again after answering); the caller learns no internals.
    return problem(500, None, "An unforeseen error; it has been logged.")
