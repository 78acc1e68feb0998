"""Statements: what staff says about a duty that no other record shows as done."""

from typing import Annotated

from pydantic import StringConstraints

from citygoals.shared.moves import Act, ReasonText

DUTY_ID_PATTERN = r"^[a-z0-9-]{1,100}:[a-z0-9-]{1,80}:[A-Za-z0-9-]{1,80}$"

DutyId = Annotated[str, StringConstraints(pattern=DUTY_ID_PATTERN)]


class Statement(Act):
    """That a duty is done: who says so and when, with which key, and what it rests on. `id` is the duty's."""

    id: DutyId
    reason: ReasonText
