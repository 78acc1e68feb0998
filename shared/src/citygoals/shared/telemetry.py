"""Traces, metrics and log lines. Costs next to nothing for an event that was not chosen for tracing."""

import random
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from citygoals.shared.logs import configure_logs
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.watchdog import watch_loop

__all__ = [
    "APPLY", "CONSUME", "DOOR", "GATE", "HOPS", "INTAKE_RELAY", "JOURNAL", "KPI_RELAY", "PROJECT",
    "Hop", "batch_span", "extract", "hop_span", "inject", "setup", "watch_loop",
]  # fmt: skip

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
FRAMEWORKS = frozenset({"fastapi", "starlette"})
EXPORT_QUEUE_MAX = 2048
EXPORT_PAUSE_MS = 1000
EXPORT_TIMEOUT_S = 2  # also what a collector that is away costs at the end of a service
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_INSTRUMENTATION = "citygoals"


@dataclass(frozen=True, slots=True)
class Hop:
    """An open span, or none; `traceparent` continues the trace, None says that the event is not traced."""

    span: Span | None
    traceparent: str | None

    def set(self, name: str, value: str | float) -> None:
        """Set an attribute of the span, if there is one."""
        if self.span is not None:
            self.span.set_attribute(name, value)


_NOT_TRACED = nullcontext(Hop(None, None))


def setup(service: str, settings: ServiceSettings) -> None:
    """Start JSON logs, and tracing where OTEL_EXPORTER_OTLP_ENDPOINT names a collector. Call once, first of all."""
    configure_logs(service, settings.log_level)
    if settings.otlp_endpoint:
        _export_to(settings.otlp_endpoint, service)


def _export_to(endpoint: str, service: str) -> None:
    # Imported only where spans leave: the exporter is a fifth of a service's start-up time.
    from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    class OwnSpans(TracerProvider):
        """Spans of the hops only: the web framework would trace every probe of /ready as well."""

        def get_tracer(self, instrumenting_module_name: str, *arguments: Any, **options: Any) -> trace.Tracer:
            if instrumenting_module_name in FRAMEWORKS:
                return trace.NoOpTracer()
            return super().get_tracer(instrumenting_module_name, *arguments, **options)

    # Whoever opens a span has decided already: the doors choose, later hops follow the event's flag.
    resource = Resource.create({"service.namespace": "citygoals", "service.name": service})
    provider = OwnSpans(sampler=ALWAYS_ON, resource=resource)
    exporter = OTLPSpanExporter(
        f"{endpoint.rstrip('/')}/v1/traces", compression=Compression.NoCompression, timeout=EXPORT_TIMEOUT_S
    )
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=EXPORT_QUEUE_MAX, schedule_delay_millis=EXPORT_PAUSE_MS)
    )
    trace.set_tracer_provider(provider)


def extract(traceparent: str | None) -> SpanContext | None:
    """Return the context of a sampled traceparent; None for none, an unsampled or a malformed one."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or not int(match[3], 16) & TraceFlags.SAMPLED:
        return None
    context = SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(1))
    return context if context.is_valid else None


def inject(span: Span | None = None) -> str | None:
    """Return the traceparent of a span (the current one by default), None if it is not sampled."""
    context = (span or trace.get_current_span()).get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def hop_span(name: str, traceparent: str | None, *, ratio: float = 0.0) -> AbstractContextManager[Hop]:
    """Open a span of one event's own trace: a child of `traceparent` if that is sampled.

    Otherwise a new trace is begun for a share `ratio` of the calls (doors only). Without a collector the incoming
    traceparent is passed on as it came.
    """
    if traceparent is None and (ratio <= 0.0 or random.random() >= ratio):  # noqa: S311 - a sample, not a secret
        return _NOT_TRACED
    return _hop(name, extract(traceparent), traceparent, is_chosen=traceparent is None or random.random() < ratio)  # noqa: S311


@contextmanager
def _hop(name: str, parent: SpanContext | None, traceparent: str | None, *, is_chosen: bool) -> Iterator[Hop]:
    if parent is None and not is_chosen:
        yield Hop(None, None)
        return
    context = trace.set_span_in_context(NonRecordingSpan(parent), Context()) if parent is not None else Context()
    tracer = trace.get_tracer(_INSTRUMENTATION)
    with tracer.start_as_current_span(name, context, kind=SpanKind.CONSUMER) as span:
        yield Hop(span, inject(span) or (traceparent if parent is not None else None))


def batch_span(name: str, traceparents: Iterable[str | None]) -> AbstractContextManager[Hop]:
    """Open one span for a batch, linked to the sampled events in it (at most 128); no span if none is sampled.

    Each of those events gets a span of that name and time in its own trace too, linked back to the batch.
    """
    contexts = []
    for traceparent in traceparents:
        if traceparent is not None and (context := extract(traceparent)) is not None:
            contexts.append(context)
            if len(contexts) == LINKS_MAX:
                break
    return _batch(name, contexts) if contexts else _NOT_TRACED


@contextmanager
def _batch(name: str, contexts: list[SpanContext]) -> Iterator[Hop]:
    tracer = trace.get_tracer(_INSTRUMENTATION)
    began = time_ns()
    with tracer.start_as_current_span(
        name, Context(), kind=SpanKind.CONSUMER, links=[Link(context) for context in contexts], start_time=began
    ) as span:
        span.set_attribute("messaging.system", "nats")
        span.set_attribute("messaging.batch.message_count", len(contexts))
        try:
            yield Hop(span, inject(span))
        finally:
            for context in contexts:
                parent = trace.set_span_in_context(NonRecordingSpan(context), Context())
                links = [Link(span.get_span_context())]
                tracer.start_span(name, parent, kind=SpanKind.CONSUMER, links=links, start_time=began).end()
