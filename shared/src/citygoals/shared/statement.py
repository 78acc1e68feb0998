"""Statements: what staff says about a duty that no other record can show as done."""

from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from citygoals.shared.model import Model

DUTY_ID_PATTERN = r"^[a-z0-9-]{1,100}:[a-z0-9-]{1,80}:[A-Za-z0-9-]{1,80}$"

DutyId = Annotated[str, StringConstraints(pattern=DUTY_ID_PATTERN)]
Person = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Statement(Model):
    """That a duty is done: who says so, when it was said, and what it rests on. `id` is the duty's."""

    id: DutyId
    by: Person
    at: AwareDatetime
    reason: Reason
