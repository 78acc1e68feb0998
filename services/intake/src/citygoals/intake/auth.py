"""Who may pass: a bearer key of the right role."""

import asyncio
from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from citygoals.shared.errors import Unavailable
from citygoals.shared.keys import ROLES, Key, KeyRing
from citygoals.shared.outage import is_away
from citygoals.shared.problem import Problem

PATIENCE_S = 8.0
BEARER = HTTPBearer(auto_error=False, description="An API key, from `citygoals keys create`")


class Allowed:
    """A dependency: lets keys of some roles pass, before anything else of the request is judged."""

    def __init__(self, keys: KeyRing, roles: Collection[str]) -> None:
        self._keys, self._roles = keys, roles

    async def __call__(
        self, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> Key:
        """Return the key. Raises as `authorize`."""
        return await authorize(self._keys, request, self._roles)


async def authorize(keys: KeyRing, request: Request, roles: Collection[str]) -> Key:
    """Return the key of a request.

    Raises:
        Problem: 401 without a live key, 403 with one of another role.
        Unavailable: the keys cannot be read now.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            # Shielded: a driver that is cancelled waits for a server that says nothing, too.
            key = await asyncio.shield(keys.find(_bearer(request), ROLES))
    except Exception as error:
        if is_away(error):
            raise Unavailable("keys cannot be checked now") from error
        raise
    if key is None:
        raise Problem(
            401, "A live API key is needed: Authorization: Bearer <key>.", headers={"WWW-Authenticate": "Bearer"}
        )
    if key.role not in roles:
        raise Problem(
            403, f"A key of the role {key.role} may not do this; it takes one of: {', '.join(sorted(roles))}."
        )
    return key


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None
