"""Errors as problem documents."""

import httpx
import pytest
from citygoals.shared.errors import Conflict, Malformed, Unavailable
from citygoals.shared.problem import Problem, install_problem_handlers, problem
from fastapi import FastAPI, HTTPException


def build() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/raise/{kind}")
    async def fail(kind: str) -> None:
        raise {
            "problem": Problem(429, "Slow down.", headers={"Retry-After": "7"}, limit=5),
            "http": HTTPException(404, "no such KPI"),
            "malformed": Malformed("the body is no JSON"),
            "conflict": Conflict("other content"),
            "unavailable": Unavailable("the journal is away"),
            "unforeseen": RuntimeError("a password: hunter2"),
        }[kind]

    @app.get("/count")
    async def count(limit: int) -> int:
        return limit

    return app


@pytest.fixture
async def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build(), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    ("kind", "status", "detail"),
    [
        ("problem", 429, "Slow down."), ("http", 404, "no such KPI"), ("malformed", 400, "the body is no JSON"),
        ("conflict", 409, "other content"), ("unavailable", 503, "the journal is away"),
    ],
)  # fmt: skip
async def test_each_error_has_its_status(client: httpx.AsyncClient, kind: str, status: int, detail: str) -> None:
    answer = await client.get(f"/raise/{kind}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["detail"], body["type"]) == (status, detail, "about:blank")
    assert body["title"]


async def test_extra_members_and_headers_are_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise/problem")
    assert (answer.json()["limit"], answer.headers["retry-after"]) == (5, "7")
    assert int((await client.get("/raise/unavailable")).headers["retry-after"]) > 0


async def test_an_invalid_request_lists_pointers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/count", params={"limit": "many"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/limit"


async def test_an_unforeseen_error_tells_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise/unforeseen")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text


async def test_an_unknown_path_is_a_problem_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nowhere")).headers["content-type"] == "application/problem+json"


def test_a_title_defaults_to_the_status() -> None:
    assert b'"Service Unavailable"' in bytes(problem(503, None, "later").body)
