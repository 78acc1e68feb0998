"""Streams, consumers, users and what each user may do: all of it data, so that tests can audit it.

`provision` brings a broker to exactly this; services never create streams or consumers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    ReplayPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

DAY_S = 24 * 3600
MIB = 1 << 20
GIB = 1 << 30

MAX_PAYLOAD_BYTES = MIB  # the server counts headers and payload together
PULL_MESSAGES_MAX = 5000  # most messages that one pull request asks for


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream: limits retention, file storage, nothing may be deleted or purged, full means refuse."""

    name: str
    subjects: tuple[str, ...]
    about: str
    max_bytes: int
    max_age_s: int = 30 * DAY_S
    duplicate_window_s: float = 600  # the server keeps every id of the window in memory
    allow_atomic: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """One durable pull consumer. Failures are retried without end here; poison is quarantined by its handler."""

    stream: str
    durable: str
    user: str
    ack: Literal["all", "explicit"] = "explicit"
    filter_subject: str | None = None
    ack_wait_s: int = 30
    max_ack_pending: int = 1000


RAW, EVENTS, KPI, NOTICES, QUARANTINE = "RAW", "EVENTS", "KPI", "NOTICES", "QUARANTINE"

# Message ids are those of a whole stream. On RAW two systems may use the same ones, and the broker would drop the event
# of the second; intake knows duplicates by source and id. Less than this the server does not take.
NO_DUPLICATE_WINDOW_S = 0.1

STREAMS = (
    StreamSpec(
        RAW,
        ("city.raw.>",),
        "what publishing systems fired, not yet admitted",
        4 * GIB,
        duplicate_window_s=NO_DUPLICATE_WINDOW_S,
    ),
    StreamSpec(EVENTS, ("city.evt.v1.>",), "admitted events", 32 * GIB, duplicate_window_s=120, allow_atomic=True),
    StreamSpec(KPI, ("city.kpi.v1.>",), "changesets, crossings and duties", 16 * GIB, allow_atomic=True),
    StreamSpec(NOTICES, ("city.notice.v1.>",), "what was sent, without the recipient", GIB),
    StreamSpec(QUARANTINE, ("city.quarantine.>",), "what was refused, and why", GIB, 90 * DAY_S),
)

CONSUMERS = (
    ConsumerSpec(RAW, "intake-raw", "intake", max_ack_pending=4000),
    ConsumerSpec(EVENTS, "kpi-ledger", "kpi", ack="all", max_ack_pending=4 * PULL_MESSAGES_MAX),
    ConsumerSpec(EVENTS, "notify-closings", "notify", filter_subject="city.evt.v1.service_request.closed"),
    ConsumerSpec(KPI, "notify-crossings", "notify", filter_subject="city.kpi.v1.crossed"),
    ConsumerSpec(KPI, "notify-duties", "notify", filter_subject="city.kpi.v1.duty"),
    ConsumerSpec(KPI, "reporting-projection", "reporting", ack="all", filter_subject="city.kpi.v1.changeset"),
)

# A system's name becomes part of subjects: a dot or a wildcard in it would widen its rights.
_SYSTEM = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

ADMIN = "citygoals"
SERVICES = ("intake", "kpi", "notify", "reporting")


@dataclass(frozen=True, slots=True)
class Permissions:
    """Allow-lists of one user; everything else is denied. Answering a request it received is always allowed."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


_PUBLISHES = {
    "intake": ("city.evt.v1.>", "city.ask.kpi.departments"),
    "kpi": ("city.kpi.v1.>", "city.ask.intake.>"),
    "notify": ("city.notice.v1.>",),
    "reporting": ("city.ask.kpi.>",),
}
SERVES = {"intake": ("city.admit.>", "city.ask.intake.>"), "kpi": ("city.ask.kpi.>",)}


def inbox(user: str) -> str:
    """Return the user's inbox prefix; nobody else may listen there."""
    return f"_INBOX_{user}"


def system_user(system: str) -> str:
    """Return the NATS user of a publishing system."""
    return f"sys-{system}"


def is_system(name: str) -> bool:
    """Tell whether a publishing system may have this name."""
    return _SYSTEM.fullmatch(name) is not None


def permissions(user: str) -> Permissions:
    """Return what `user` may publish and subscribe to.

    Raises:
        ValueError: no such user, or a system whose name could widen its rights.
    """
    own_inbox = f"{inbox(user)}.>"
    if user == ADMIN:
        return Permissions((">",), (">",))
    if user in SERVICES:
        publish = (*_PUBLISHES[user], f"city.quarantine.{user}", *_consumer_subjects(user))
        return Permissions(publish, (own_inbox, *SERVES.get(user, ())))
    prefix, _, system = user.partition("-")
    if prefix != "sys" or not is_system(system):
        raise ValueError(f"no such NATS user: {user!r}")
    publish = (f"city.admit.{system}", f"city.admit.{system}.>", f"city.raw.{system}.>")
    return Permissions(publish, (own_inbox,))


def _consumer_subjects(user: str) -> Iterable[str]:
    for spec in CONSUMERS:
        if spec.user == user:
            yield f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
            yield f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.durable}"
            yield f"$JS.ACK.{spec.stream}.{spec.durable}.>"
            if spec.ack == "all":
                yield f"$JS.API.CONSUMER.RESET.{spec.stream}.{spec.durable}"


def consumer(durable: str) -> ConsumerSpec:
    """Return the spec of a durable consumer; raises KeyError for one that this table does not have."""
    for spec in CONSUMERS:
        if spec.durable == durable:
            return spec
    raise KeyError(durable)


async def provision(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Bring the broker's streams and consumers to this table, whatever they were. Needs the ADMIN user.

    Raises:
        nats.js.errors.APIError: the broker refuses, for instance because a consumer's ack policy cannot change.
    """
    for stream in STREAMS:
        config = stream_config(stream, replicas)
        try:
            await js.update_stream(config)
        except nats.js.errors.NotFoundError:
            await js.add_stream(config)
    for spec in CONSUMERS:
        await js.add_consumer(spec.stream, consumer_config(spec))


def stream_config(spec: StreamSpec, replicas: int = 1) -> StreamConfig:
    """Return the stream's whole configuration: what matters is said, whatever the server's default is."""
    return StreamConfig(
        name=spec.name,
        description=spec.about,
        subjects=list(spec.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,  # a full stream refuses; discarding the old would lose what nobody has read yet
        max_bytes=spec.max_bytes,
        max_age=spec.max_age_s,
        max_msg_size=MAX_PAYLOAD_BYTES,
        duplicate_window=spec.duplicate_window_s,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        # Headers of publishers act: without these options they cannot purge, expire, delay or count.
        allow_rollup_hdrs=False,
        allow_msg_ttl=False,
        allow_msg_schedules=False,
        allow_msg_counter=False,
        allow_atomic=spec.allow_atomic,
        allow_direct=False,
    )


def consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    """Return the consumer's whole configuration."""
    return ConsumerConfig(
        durable_name=spec.durable,
        deliver_policy=DeliverPolicy.ALL,
        replay_policy=ReplayPolicy.INSTANT,
        ack_policy=AckPolicy.ALL if spec.ack == "all" else AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait_s,
        max_deliver=-1,  # a budget would make the broker skip a message that nobody has put aside
        max_ack_pending=spec.max_ack_pending,
        filter_subject=spec.filter_subject,
        inactive_threshold=0,
    )
