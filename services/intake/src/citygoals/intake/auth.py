"""Who may pass: a bearer key of the right role."""

from collections.abc import Collection

from starlette.requests import Request

from citygoals.intake.outage import is_away
from citygoals.shared.errors import Unavailable
from citygoals.shared.keys import ROLES, Key, KeyRing
from citygoals.shared.problem import Problem


async def authorize(keys: KeyRing, request: Request, roles: Collection[str]) -> Key:
    """Return the key of a request.

    Raises:
        Problem: 401 without a live key, 403 with one of another role.
        Unavailable: the keys cannot be read now.
    """
    try:
        key = await keys.find(_bearer(request), ROLES)
    except Exception as error:
        if is_away(error):
            raise Unavailable("keys cannot be checked now") from error
        raise
    if key is None:
        raise Problem(
            401, "A live API key is needed: Authorization: Bearer <key>.", headers={"WWW-Authenticate": "Bearer"}
        )
    if key.role not in roles:
        raise Problem(403, f"A {key.role} key may not do this; it takes one of: {', '.join(sorted(roles))}.")
    return key


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None
