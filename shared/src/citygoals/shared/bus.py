"""The bus as services see it. Only this family of modules (and the topology) imports nats."""

from citygoals.shared.batches import Batches, batches
from citygoals.shared.connection import Bus, connect
from citygoals.shared.delivery import Batch, Delivery
from citygoals.shared.gaps import missing_entries
from citygoals.shared.publishing import Outgoing, Stored

__all__ = ["Batch", "Batches", "Bus", "Delivery", "Outgoing", "Stored", "batches", "connect", "missing_entries"]
