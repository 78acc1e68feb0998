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

    def to_json(self, bytes_max: int | None = None) -> bytes:
        """Return the receipt as the contract writes it.

        Above `bytes_max` each rejection tells only its first errors, so that no door is too narrow for the answer.
        """
        body = self._json(self.rejected)
        for errors in (10, 3, 1):
            if bytes_max is None or len(body) <= bytes_max:
                break
            body = self._json([_shortened(item, errors) for item in self.rejected])
        return body

    def _json(self, rejected: list[dict[str, Any]]) -> bytes:
        return orjson.dumps({"accepted": self.accepted, "duplicates": self.duplicates, "rejected": rejected})

    def reject(self, index: int, refused: Refused) -> None:
        """Add a rejection."""
        self.rejected.append({"index": index, "id": refused.id, "code": refused.code, "errors": list(refused.errors)})


def _shortened(item: dict[str, Any], errors_max: int) -> dict[str, Any]:
    errors = item["errors"]
    if len(errors) <= errors_max:
        return item
    more = {"pointer": "", "detail": f"and {len(errors) - errors_max} more"}
    return {**item, "errors": [*errors[:errors_max], more]}


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
