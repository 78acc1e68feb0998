"""The kinds of facts as data: which event types speak about the same thing, and what names that thing. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

Fold = Literal["last", "series", "lifecycle", "payment", "service_request", "measurement", "counter"]

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind of thing that several events can be about.

    `identity` are the fields of `data` that name the thing within a namespace.
    `types` are in rank order: at the same instant the earlier one is taken as having happened first.
    `fold` says how the entries become items (`citygoals.kpi.folds`). A thing that `is_the_citys` is the same whoever
    speaks about it: it is in no namespace.
    """

    name: str
    identity: tuple[str, ...]
    types: tuple[str, ...]
    fold: Fold
    is_the_citys: bool = False

    @property
    def anchor(self) -> str:
        """The type without which the others wait."""
        return self.types[0]


def _types(domain: str, *facts: str) -> tuple[str, ...]:
    return tuple(f"city.{domain}.{fact}.v1" for fact in facts)


KINDS = (
    FactKind("payment", ("payment_id",), _types("payment", "settled", "refunded", "charged_back", "voided"), "payment"),
    FactKind(
        "service_request",
        ("service_request_id",),
        _types(
            "service_request",
            *("opened", "assigned", "acknowledged", "paused", "resumed", "closed", "merged", "reopened", "confirmed"),
        ),
        "service_request",
    ),
    FactKind("call", ("call_id",), _types("call", "answered", "abandoned"), "last"),
    FactKind("session", ("session_id",), _types("session", "held"), "last"),
    FactKind("measurement", ("measure_id",), _types("measurement", "recorded"), "measurement", is_the_citys=True),
    FactKind("social_account", ("account", "platform"), _types("social", "snapshot"), "counter"),
    FactKind(
        "records_request",
        ("request_id",),
        _types(
            "records_request",
            *("received", "clarification_requested", "clarified", "estimated", "deposit_received"),
            *("ruling_requested", "released", "denied", "no_records", "withdrawn"),
        ),
        "lifecycle",
    ),
    FactKind(
        "project_request",
        ("request_id",),
        _types(
            "project_request", "submitted", "interviewed", "aligned", "validated", "declined", "planned", "delivered"
        ),
        "lifecycle",
    ),
    FactKind(
        "infrastructure_request",
        ("request_id",),
        _types("infrastructure_request", "submitted", "assessed", "approved", "declined", "completed"),
        "lifecycle",
    ),
    FactKind("spending", ("voucher_id",), _types("spending", "posted", "reversed"), "lifecycle"),
    FactKind("feedback", ("feedback_id",), _types("feedback", "received"), "last"),
    FactKind("survey_response", ("survey_id", "respondent_ref", "service"), _types("survey", "response"), "last"),
    FactKind("wifi_site", ("site_id",), _types("wifi", "site_status"), "series"),
    # Of the sample's city types, those whose KPIs need to know that two events are about the same thing. A position is
    # filled again and again; cases and animals are counted event by event, so that those from before count when they end.
    FactKind("permit", ("permit_id",), _types("permit", "submitted", "decided"), "lifecycle"),
    FactKind("incident", ("incident_id",), _types("unit", "dispatched", "arrived"), "lifecycle"),
    FactKind("position", ("position_id",), _types("position", "filled", "separated"), "series"),
    FactKind("levy", ("levy_id",), _types("levy", "certified"), "last"),
)

RULES = 3
"""The version of the rules by which entries become facts. A ledger that was kept by earlier ones is renewed once.

To be raised, with the kinds concerned in `_CHANGED`, when entries that a ledger may hold already get other facts or items.
"""

_CHANGED = {2: frozenset({"measurement", "permit", "incident", "position", "levy"}), 3: frozenset({"service_request"})}
"""Since 2 a measurement is the city's, whoever records it, and these city types speak about things. Since 3 a request is
acknowledged once.
"""

KIND_OF = {event_type: kind for kind in KINDS for event_type in kind.types}
RANK_OF = {event_type: rank for kind in KINDS for rank, event_type in enumerate(kind.types)}

assert len(KIND_OF) == sum(len(kind.types) for kind in KINDS), "an event type belongs to one kind of fact"

BEGINNINGS = frozenset(kind.anchor for kind in KINDS if kind.fold in ("lifecycle", "service_request"))
"""The types before which nothing can happen to their thing, whatever the clocks of those who tell it say."""


def types_changed_since(rules: int) -> frozenset[str]:
    """Return the event types whose entries had other facts by the rules of that version."""
    names = frozenset[str]().union(*(names for version, names in _CHANGED.items() if version > rules))
    return frozenset(event_type for kind in KINDS if kind.name in names for event_type in kind.types)


def event_key(source: str, event_id: str) -> bytes:
    """Return the event's identity as 16 bytes, equal to `citygoals.shared.events.key_of`."""
    return blake2b(f"{source}\n{event_id}".encode(), digest_size=KEY_BYTES).digest()


def fact_key(kind: FactKind, namespace: str, data: Mapping[str, Any]) -> bytes:
    """Return the thing's identity as 16 bytes: kind | namespace | id. Raises KeyError when `data` does not name it.

    The parts of an identity of several fields carry their lengths, so that ("ab", "c") and ("a", "bc") stay apart.
    """
    identity = kind.identity
    if kind.is_the_citys:
        namespace = ""
    if len(identity) == 1:
        text = f"{kind.name}|{namespace}|{data[identity[0]]}"
    else:
        parts = [str(data[name]) for name in identity]
        text = f"{kind.name}|{namespace}|" + "|".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()


def thing_id(kind: FactKind | None, data: Mapping[str, Any]) -> str | None:
    """Return the id of the thing as people write it, or None when the event is its own fact."""
    if kind is None or any(name not in data for name in kind.identity):
        return None
    return "/".join(str(data[name]) for name in kind.identity)
