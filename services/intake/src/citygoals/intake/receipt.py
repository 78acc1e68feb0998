"""The receipt: what became of each event that was offered. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from citygoals.intake.gate import Admitted, Refused
from citygoals.intake.numbering import Outcome
from citygoals.intake.quarantine import conflict


@dataclass(slots=True)
class Receipt:
    """Counts, and every rejection by its place in the request."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> bytes:
        """Return the receipt as the contract writes it."""
        body = {"accepted": self.accepted, "duplicates": self.duplicates, "rejected": self.rejected}
        return orjson.dumps(body)

    def reject(self, index: int, refused: Refused) -> None:
        """Add a rejection."""
        self.rejected.append({"index": index, "id": refused.id, "code": refused.code, "errors": list(refused.errors)})


def receipt_for(verdicts: Sequence[Admitted | Refused], outcomes: Sequence[Outcome]) -> Receipt:
    """Return the receipt of verdicts in the order of the request; `outcomes` are those of the admitted ones."""
    receipt = Receipt()
    decided = iter(outcomes)
    for index, verdict in enumerate(verdicts):
        if isinstance(verdict, Refused):
            receipt.reject(index, verdict)
            continue
        outcome = next(decided)
        if outcome is Outcome.ACCEPTED:
            receipt.accepted += 1
        elif outcome is Outcome.DUPLICATE:
            receipt.duplicates += 1
        else:
            receipt.reject(index, conflict(verdict))
    return receipt
