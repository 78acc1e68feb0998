"""How staff change records over HTTP: a wish is read and judged whole inside the applier's turn, or nothing happens.

A wish that was granted already, sent again, changes nothing and is answered like the first time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import orjson
from fastapi import Header, Request, Response
from pydantic import BaseModel, ValidationError

from citygoals.kpi.api import Registry
from citygoals.kpi.definitions import TOLD_MAX_BYTES, Definitions
from citygoals.shared.commitment import Commitment
from citygoals.shared.definition_file import findings, pointer
from citygoals.shared.keys import Key
from citygoals.shared.model import Model
from citygoals.shared.moves import Act, Illegal
from citygoals.shared.narrative import Narrative
from citygoals.shared.period import CityCalendar
from citygoals.shared.problem import Problem
from citygoals.shared.records import dump

WISH_MAX_BYTES = 512 * 1024

Mistake = dict[str, str]
Wish = Mapping[str, Any]
R = TypeVar("R", Commitment, Narrative)
Recorded = TypeVar("Recorded", bound=Model)
W = TypeVar("W", bound=BaseModel)

IfMatch = Annotated[
    str | None, Header(description="The version that was seen, as the ETag says it: answers 412 if it is another now")
]
_VERSION = re.compile(r'(?:W/)?"?([0-9]{1,6})"?\Z')


@dataclass(frozen=True, slots=True)
class Desk:
    """What a wish is judged by: what holds, the city's day, now, and whose key asks."""

    known: Definitions
    calendar: CityCalendar
    today: date
    now: datetime
    key: Key

    def act(self, by: str, reason: str | None) -> Act:
        """Return the act of whoever asks."""
        return Act(at=self.now, by=by, key=key_name(self.key), reason=reason)

    def need_admin(self, what: str) -> None:
        """Raise Problem (403) unless the key is an admin's."""
        if self.key.role != "admin":
            raise Problem(403, f"{what} takes an admin's key; this is a key of the role {self.key.role}")


class Granted(NamedTuple):
    """What became of a wish: the record, and whether it changed; the position is that of the change, or the present one."""

    record: Commitment | Narrative
    applied: bool
    position: int


async def granted(
    registry: Registry, part: str, key: Key, judge: Callable[[Desk], R], *, version: int | None = None
) -> Granted:
    """Let `judge` return the record as it is to be, and record it. Raises Problem, Unavailable.

    `version` is the one that was seen: a record that is another by now is not changed (412).
    """
    applier = registry.leadership.applier
    judged: list[R] = []

    def decide(known: Definitions, now: datetime) -> list[R]:
        today = registry.calendar.local_day(applier.state.tick)
        after = _judged(judge, Desk(known, registry.calendar, today, now, key))
        judged.append(after)
        before: R | None = known.records[part].get(after.id)
        if before is after:
            return []
        if before is not None and version not in {None, before.version}:
            raise Problem(412, f"`{after.id}` is at version {before.version} now", version=before.version)
        return [that_fits(part, after)]

    position = await applier.record(part, decide)
    return Granted(judged[-1], position is not None, position or applier.state.position)


def _judged(judge: Callable[[Desk], R], desk: Desk) -> R:
    try:
        return judge(desk)
    except Illegal as error:
        raise Problem(409, str(error), title="Not in this state", state=error.state, legal=list(error.legal)) from error


def key_name(key: Key) -> str:
    """Return how a record names the key that something was done with: never by what opens the door."""
    return f"{key.label or key.role} ({key.prefix})"


def that_fits(part: str, record: Recorded) -> Recorded:
    """Return the record. Raises Problem (413) for one longer than a changeset can tell."""
    length = len(orjson.dumps({part: [dump(record)]}))
    if length > TOLD_MAX_BYTES:
        raise Problem(413, f"the record would take {length} bytes; a changeset tells at most {TOLD_MAX_BYTES}")
    return record


def found(desk: Desk, part: str, identity: str) -> Any:
    """Return a record. Raises Problem 404."""
    return record_of(desk.known, part, identity)


def record_of(known: Definitions, part: str, identity: str) -> Any:
    """Return a record of a part. Raises Problem 404."""
    record = known.records[part].get(identity)
    if record is None:
        raise Problem(404, f"no such one among the {part}: {identity[:90]!r}")
    return record


async def wish_of(request: Request) -> Wish:
    """Return the body as a JSON object. Raises Problem: 400, 413."""
    body = await request.body()
    if len(body) > WISH_MAX_BYTES:
        raise Problem(413, f"a body has at most {WISH_MAX_BYTES} bytes")
    try:
        wish = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem(400, "The body is no JSON") from None
    if not isinstance(wish, dict):
        raise Problem(400, "The body is a JSON object")
    return wish


def version_of(if_match: str | None) -> int | None:
    """Return the version that an If-Match header names, None for any. Raises Problem 400."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _VERSION.match(if_match.strip())
    if match is None:
        raise Problem(400, 'If-Match names one version, like "3"')
    return int(match[1])


def read(model: type[W], wish: Wish, more: Iterable[Mistake] = ()) -> W:
    """Return what is wished. Raises Problem (422) with every mistake: those of its shape, and `more` of its sense."""
    mistakes = [*_misshapen(model, wish), *more]
    if mistakes:
        detail = f"{len(mistakes)} mistakes; nothing was changed" if len(mistakes) > 1 else mistakes[0]["detail"]
        raise Problem(422, detail, title="This cannot be recorded", errors=mistakes)
    return model.model_validate(wish)


def _misshapen(model: type[BaseModel], wish: Wish) -> Iterator[Mistake]:
    try:
        model.model_validate(wish)
    except ValidationError as error:
        for one in findings(error, wish, model.model_json_schema()):
            yield mistake(pointer(one.path), one.reason)


def mistake(where: str, detail: str) -> Mistake:
    """Return one mistake: a JSON pointer into the wish, and what is wrong there."""
    return {"pointer": where, "detail": detail}


def wished(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is read by `read`; with an id, the schema's own references hold inside it."""
    schema = {"$id": f"urn:city-goals:wish:{model.__name__.lower()}", **model.model_json_schema()}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def said(granted_: Granted, row: Mapping[str, Any], *, created: bool = False) -> Response:
    """Return the answer to a wish: the record as it is, whether it changed, and at which position."""
    answer = {**row, "applied": granted_.applied, "position": granted_.position}
    return json_answer(answer, 201 if created and granted_.applied else 200, version=granted_.record.version)


def json_answer(value: object, status: int = 200, *, version: int | None = None) -> Response:
    """Return a JSON answer, with the record's version as its ETag."""
    headers = None if version is None else {"ETag": f'"{version}"'}
    return Response(orjson.dumps(value), status, headers, "application/json")
