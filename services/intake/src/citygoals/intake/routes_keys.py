"""GET, POST, DELETE /v1/keys: the API keys of publishers, analysts, staff and administrators."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from citygoals.intake.auth import Allowed
from citygoals.intake.openapi import problems
from citygoals.shared.keys import Key, KeyRing, create_key, list_keys, revoke_key
from citygoals.shared.postgres import Pool
from citygoals.shared.problem import Problem

ADMIN = ("admin",)
NAME = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"  # one NATS token, one path segment, one DNS label


class NewKey(BaseModel):
    """What a new key is for."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["publisher", "analyst", "staff", "admin"]
    system: Annotated[str | None, Field(pattern=NAME, description="The publisher's system")] = None
    namespace: Annotated[str | None, Field(pattern=NAME, description="A shared namespace of facts, granted")] = None
    label: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _publisher_has_a_system(self) -> "NewKey":
        if (self.role == "publisher") != (self.system is not None):
            raise ValueError("a publisher key, and no other, has a system")
        if self.namespace is not None and self.role != "publisher":
            raise ValueError("only a publisher key has a namespace")
        return self


class KeyOut(BaseModel):
    """What is known about a key; its secret is not."""

    prefix: str
    role: str
    system: str | None
    namespace: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None


class CreatedKey(KeyOut):
    """A new key with its text, which is shown only here."""

    key: str


class KeyList(BaseModel):
    """All keys."""

    items: list[KeyOut]
    next: str | None = None


def keys_routes(pool: Pool, keys: KeyRing) -> APIRouter:
    """Return the routes for an admin's keys."""
    responses = problems(401, 403, 422, 503)
    router = APIRouter(
        prefix="/v1/keys", tags=["keys"], responses=responses, dependencies=[Depends(Allowed(keys, ADMIN))]
    )

    @router.post(
        "",
        status_code=201,
        response_model=CreatedKey,
        summary="Make a key; its text is shown once",
        responses=problems(413),
    )
    async def create(new: NewKey) -> Any:
        text, key = await create_key(pool, new.role, label=new.label, system=new.system, namespace=new.namespace)
        return {**_public(key), "key": text}

    @router.get("", response_model=KeyList, summary="All keys, newest first, without their secrets")
    async def index() -> Any:
        return {"items": [_public(key) for key in await list_keys(pool)]}

    @router.delete(
        "/{prefix}", status_code=204, summary="Revoke a key; it is refused within seconds", responses=problems(404)
    )
    async def revoke(prefix: Annotated[str, Path(max_length=64)]) -> Response:
        if not await revoke_key(pool, prefix):
            raise Problem(404, "There is no live key with this prefix.")
        return Response(status_code=204)

    return router


def _public(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in KeyOut.model_fields}
