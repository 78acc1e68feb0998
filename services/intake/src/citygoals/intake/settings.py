"""Intake's settings: those of every service, and the limits of the doors."""

from pydantic import Field

from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import MAX_PAYLOAD_BYTES

KIB = 1 << 10
MIB = 1 << 20
# An entry of the journal travels once more as a JSON string, in which every quotation mark and backslash doubles.
EVENT_BYTES_MOST = 384 * KIB

assert 2 * EVENT_BYTES_MOST + 64 * KIB < MAX_PAYLOAD_BYTES


class IntakeSettings(ServiceSettings):
    """What intake needs to know."""

    body_bytes_max: int = Field(default=MIB, ge=KIB, le=64 * MIB, description="Largest request body, decoded")
    batch_events_max: int = Field(default=1000, ge=1, le=10_000, description="Most events in one request")
    event_bytes_max: int = Field(default=128 * KIB, ge=KIB, le=EVENT_BYTES_MOST, description="Largest single event")
    requests_max: int = Field(default=128, ge=1, description="Most requests that the HTTP door reads at once; then 503")
    body_timeout_s: float = Field(default=30.0, gt=0, description="Longest time that a request body may take to arrive")
    future_max_s: float = Field(default=300.0, ge=0, description="How far ahead of the city's clock an event may be")
    queue_events_max: int = Field(default=20_000, ge=1, description="Most events that wait for the journal; then 503")
    relay_lag_max_s: float = Field(
        default=21_600.0, gt=0, description="Age of the oldest event that the bus does not have yet; above it 503"
    )
    publisher_events_per_s: int = Field(default=50_000, ge=0, description="Events a second for one key; 0: no limit")
    quarantine_keep_days: int = Field(default=90, ge=1, description="How long a refused event is kept")
    raw_batch_events: int = Field(default=500, ge=1, le=1000, description="Most messages of RAW judged at once")
