"""Traces, metrics and log lines. Costs next to nothing for an event that was not chosen for tracing."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from citygoals.shared.settings import ServiceSettings

# One event's life: the eight names that a trace shows, in order.
DOOR = "intake.door"
GATE = "intake.gate"
JOURNAL = "intake.journal"
INTAKE_RELAY = "intake.relay"
CONSUME = "kpi.consume"
APPLY = "kpi.apply"
KPI_RELAY = "kpi.relay"
PROJECT = "reporting.project"
HOPS = (DOOR, GATE, JOURNAL, INTAKE_RELAY, CONSUME, APPLY, KPI_RELAY, PROJECT)

LINKS_MAX = 128


def setup(service: str, settings: ServiceSettings) -> None:
    """Start tracing (exported only where OTEL_EXPORTER_OTLP_ENDPOINT says so), JSON logs and the loop watchdog."""
    raise NotImplementedError


def hop_span(name: str, traceparent: str | None, *, ratio: float = 0.0) -> "AbstractContextManager[Any]":
    """Open a span of one event's own trace; its `.traceparent` (None: not sampled) continues it.

    Without an incoming sampled traceparent, a new trace is begun for a share `ratio` of the calls (doors only).
    """
    raise NotImplementedError


def batch_span(name: str, traceparents: Iterable[str | None]) -> "AbstractContextManager[Any]":
    """Open one span for a batch, linked to the sampled events in it (at most 128). No span if none is sampled."""
    raise NotImplementedError
