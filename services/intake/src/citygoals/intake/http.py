"""The HTTP door: POST /v1/events, CloudEvents in structured, binary and batch mode.

A plain Starlette endpoint: FastAPI's own reading of a request would cost more than all the rest of the door. It is
described in `openapi.py`.
"""

from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response

from citygoals.intake.admission import Admission, Items
from citygoals.intake.auth import authorize
from citygoals.intake.gate import Publisher
from citygoals.intake.journal import Overloaded
from citygoals.intake.rate import Rate
from citygoals.intake.receipt import Receipt
from citygoals.intake.request_body import read_body
from citygoals.shared.cloudevents import UnsupportedMediaType, parse_http
from citygoals.shared.keys import Key, KeyRing
from citygoals.shared.problem import Problem, problem

BATCH = "application/cloudevents-batch+json"
TYPES_TAKEN = f"application/cloudevents+json, {BATCH}, application/json"


@dataclass
class Door:
    """What the HTTP door needs."""

    keys: KeyRing
    admission: Admission
    rate: Rate = field(default_factory=lambda: Rate(0))
    _active: int = 0

    async def post_events(self, request: Request) -> Response:
        """Take one request: 202 with a receipt once its events are durable, or a problem document."""
        key = await authorize(self.keys, request, ("publisher",))
        if self._active >= self.admission.settings.requests_max:
            raise Overloaded(f"{self._active} requests are being read")
        self._active += 1
        try:
            return await self._take(request, key)
        finally:
            self._active -= 1

    async def _take(self, request: Request, key: Key) -> Response:
        settings = self.admission.settings
        is_dry = dry_run(request)
        self.admission.check_open()
        body = await read_body(request, bytes_max=settings.body_bytes_max, timeout_s=settings.body_timeout_s)
        items = _parse(request, body, settings.batch_events_max)
        self._slow_down(key, len(items))
        publisher = publisher_of(key)
        if is_dry:
            receipt = await self.admission.rehearse(publisher, items)
        else:
            receipt = await self.admission.take(
                publisher, "http", items, traceparent=request.headers.get("traceparent")
            )
        return answer(receipt, is_batch=_is_batch(request))

    def _slow_down(self, key: Key, events: int) -> None:
        wait_s = self.rate.wait_s(key.prefix, events, monotonic())
        if wait_s:
            headers = {"Retry-After": str(ceil(wait_s))}
            raise Problem(429, "More events a second than one publisher may send.", headers=headers)


def publisher_of(key: Key) -> Publisher:
    """Return who a publisher key speaks for."""
    assert key.system, "a publisher key has a system"
    return Publisher(key.system, key.namespace or key.system)


def dry_run(request: Request) -> bool:
    """Read `?dry_run=`. Raises Problem 400 for anything but true and false: a typing error must not store events."""
    said = request.query_params.get("dry_run", "false").lower()
    if said not in ("true", "false", "1", "0", ""):
        raise Problem(400, "dry_run is true or false.")
    return said in ("true", "1", "")


def answer(receipt: Receipt, *, is_batch: bool) -> Response:
    """Return a receipt as the contract wants it: a batch is always 202, a refused single event is a problem."""
    if is_batch or not receipt.rejected:
        return Response(receipt.to_json(), 202, media_type="application/json")
    refused = receipt.rejected[0]
    status = 409 if refused["code"] == "conflict" else 422
    detail = "; ".join(f"{error['pointer'] or '/'} {error['detail']}" for error in refused["errors"][:5])
    extra = {name: refused[name] for name in ("index", "id", "code", "errors")}
    return problem(status, "The event was refused", detail, **extra)


def _is_batch(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(BATCH)


def _parse(request: Request, body: bytes, events_max: int) -> Items:
    try:
        items = parse_http(request.headers, body)
    except UnsupportedMediaType as error:
        raise Problem(415, str(error), headers={"Accept": TYPES_TAKEN}) from error
    if len(items) > events_max:
        raise Problem(413, f"A batch may have {events_max} events; this one has {len(items)}.")
    return items
