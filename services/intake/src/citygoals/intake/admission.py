"""Admission: the one way in, whichever door an event came through. Gate, journal, receipt."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from random import random, sample

from asyncpg.pgproto.pgproto import UUID

from citygoals.intake import metrics
from citygoals.intake.commit import Offer
from citygoals.intake.event_types import EventTypes
from citygoals.intake.gate import Admitted, Publisher, Refused, Rules, admit
from citygoals.intake.journal import Journal, Overloaded
from citygoals.intake.keeper import Keeper
from citygoals.intake.numbering import number
from citygoals.intake.receipt import Receipt, receipt_for
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.catalogue import NO_DEPARTMENT
from citygoals.shared.clock import Clock
from citygoals.shared.cloudevents import CloudEvent, Unparsable
from citygoals.shared.postgres import Pool, Statements
from citygoals.shared.telemetry import DOOR, GATE, JOURNAL, extract, hop_span

TRACED_MAX = 100  # of one request; more would cost more than they tell

Items = Sequence[CloudEvent | Unparsable]


@dataclass(frozen=True)
class Admission:
    """Judges, writes and answers for every door."""

    settings: IntakeSettings
    pool: Pool
    sql: Statements
    types: EventTypes
    keeper: Keeper
    journal: Journal
    clock: Clock

    def check_open(self) -> None:
        """Raise Overloaded while the bus is further behind than the city wants to hear of."""
        lag_s = max((relay.lag_s() for relay in self.keeper.relays), default=0.0)
        if lag_s > self.settings.relay_lag_max_s:
            raise Overloaded(f"the bus has been behind for {lag_s:.0f} s")

    async def take(
        self,
        publisher: Publisher,
        door: str,
        items: Items,
        *,
        traceparent: str | None = None,
        keep_refused: bool = True,
    ) -> Receipt:
        """Admit what may enter; return the receipt once that is durable.

        `traceparent` is the request's own and is continued by its first event. A refusal goes to quarantine unless
        `keep_refused` is false.

        Raises:
            Overloaded: too much waits already; nothing was written.
            Unavailable: the journal is away; repeating the request is harmless.
        """
        with metrics.REQUEST_S.time(), ExitStack() as door_spans:
            traced = self._traced(items, traceparent, door_spans)
            verdicts = await self._judged(items, publisher, traced)
            admitted = [verdict for verdict in verdicts if isinstance(verdict, Admitted)]
            refused = [verdict for verdict in verdicts if isinstance(verdict, Refused)] if keep_refused else []
            with ExitStack() as spans:
                for continued in traced.values():
                    spans.enter_context(hop_span(JOURNAL, continued))
                offer = Offer(publisher, door, admitted, refused)
                outcomes = await self.journal.admit(offer) if offer.size else []
        receipt = receipt_for(verdicts, outcomes)
        metrics.count(door, receipt)
        return receipt

    async def rehearse(self, publisher: Publisher, items: Items) -> Receipt:
        """Return the receipt that `take` would give now; store nothing."""
        verdicts = await self._judged(items, publisher, {})
        admitted = [verdict for verdict in verdicts if isinstance(verdict, Admitted)]
        rows = await self.pool.fetch(self.sql.probe, [UUID(event.key) for event in admitted])
        outcomes, _ = number(admitted, {row["key"].bytes: row["digest"] for row in rows}, 1)
        return receipt_for(verdicts, outcomes)

    def _rules(self) -> Rules:
        latest = self.clock.now() + timedelta(seconds=self.settings.future_max_s)
        return Rules(self.types.validator, latest, self.settings.event_bytes_max)

    async def _judged(self, items: Items, publisher: Publisher, traced: dict[int, str]) -> list[Admitted | Refused]:
        """Judge; once more when an event names a department that the catalogue has had since."""
        verdicts = self._judge(items, publisher, traced)
        if any(map(_names_no_department, verdicts)) and await self.types.learn_departments():
            return self._judge(items, publisher, traced)
        return verdicts

    def _judge(self, items: Items, publisher: Publisher, traced: dict[int, str]) -> list[Admitted | Refused]:
        rules = self._rules()
        if not traced:
            return [admit(item, publisher, rules) for item in items]
        verdicts = []
        for index, item in enumerate(items):
            with hop_span(GATE, traced.get(index)):
                verdicts.append(admit(item, publisher, rules, traced.get(index)))
        return verdicts

    def _traced(self, items: Items, traceparent: str | None, spans: ExitStack) -> dict[int, str]:
        """Open the door's span for every event that is traced; return their traceparents by index."""
        incoming = {index: found for index, item in enumerate(items) if (found := _incoming(item)) is not None}
        if traceparent is not None and items:
            incoming.setdefault(0, traceparent)
        sampled = {index: found for index, found in incoming.items() if extract(found) is not None}
        expected = self.settings.trace_ratio * len(items)
        chosen = sample(range(len(items)), int(expected) + (random() < expected % 1))  # noqa: S311 - no secret
        traced: dict[int, str] = {}
        for index in [*sampled, *(index for index in chosen if index not in sampled)][:TRACED_MAX]:
            hop = spans.enter_context(hop_span(DOOR, sampled.get(index), ratio=1.0))
            if hop.traceparent is not None:
                traced[index] = hop.traceparent
        return traced


def _names_no_department(verdict: Admitted | Refused) -> bool:
    return isinstance(verdict, Refused) and any(error["detail"] == NO_DEPARTMENT for error in verdict.errors)


def _incoming(item: CloudEvent | Unparsable) -> str | None:
    if type(item) is not CloudEvent or not item.extensions:
        return None
    found = item.extensions.get("traceparent")
    return found if isinstance(found, str) else None
