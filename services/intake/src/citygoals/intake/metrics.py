"""What Prometheus sees of the doors and the journal."""

from prometheus_client import Counter, Gauge, Histogram

from citygoals.intake.journal import Journal
from citygoals.intake.keeper import Keeper
from citygoals.intake.receipt import Receipt

EVENTS = Counter("citygoals_intake_events_total", "Events by door and by what became of them", ["door", "outcome"])
REQUEST_S = Histogram(
    "citygoals_intake_admission_seconds",
    "From the first byte of the gate to the durable receipt",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
QUEUED = Gauge("citygoals_intake_journal_queued_events", "Events that wait for the journal")
LAG = Gauge("citygoals_intake_relay_lag_events", "Admitted events that the bus does not have yet")
LAG_S = Gauge("citygoals_intake_relay_lag_seconds", "Age of the oldest of them")


def count(door: str, receipt: Receipt) -> None:
    """Count a receipt."""
    if receipt.accepted:
        EVENTS.labels(door, "accepted").inc(receipt.accepted)
    if receipt.duplicates:
        EVENTS.labels(door, "duplicate").inc(receipt.duplicates)
    for refused in receipt.rejected:
        EVENTS.labels(door, refused["code"]).inc()


def watch(journal: Journal, keeper: Keeper) -> None:
    """Let the gauges read this process's journal and relays."""
    QUEUED.set_function(lambda: journal.queued_rows)
    LAG.set_function(lambda: sum(relay.lag for relay in keeper.relays))
    LAG_S.set_function(lambda: max((relay.lag_s() for relay in keeper.relays), default=0.0))
