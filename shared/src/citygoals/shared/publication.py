"""Publications: reports that pin a position. What came later changes what is known, never what was published.

A record is whole, with its own history: who published it, who explained what was restated since, who withdrew it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

from citygoals.shared.instants import format_instant
from citygoals.shared.model import KebabId, KpiId, Model, Text
from citygoals.shared.moves import KeyName, Person

PUBLISHED, WITHDRAWN = "published", "withdrawn"
STATES = (PUBLISHED, WITHDRAWN)

RESERVED_IDS = frozenset({"council"})
"""`/v1/reports/council` is the council's report of the present, which is no publication."""

REASONS_MAX = 1_000
POSITION_MAX = 2**63 - 1


def _text(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


ShortText = Annotated[Text, BeforeValidator(_text)]
"""A text in English and perhaps in Spanish; a plain string is English."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=40)]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Position = Annotated[int, Field(ge=1, le=POSITION_MAX, strict=True)]


class Reason(Model):
    """Why figures of a KPI were restated: at one position, or with None at every one that was recorded before `at`.

    `key` names the key that it was said with, here as elsewhere in a record.
    """

    kpi: KpiId
    position: Position | None = None
    reason: ShortText
    by: Person
    key: KeyName
    at: AwareDatetime

    def covers(self, kpi: str, position: int, recorded_at: datetime) -> bool:
        """Say whether it explains what a position changed in a KPI."""
        if kpi != self.kpi:
            return False
        return position == self.position if self.position is not None else recorded_at <= self.at


class Withdrawal(Model):
    """Why a publication no longer stands."""

    reason: ShortText
    by: Person
    key: KeyName
    at: AwareDatetime


class Publication(Model):
    """One publication: a period's figures and nodes as they were at a position.

    `plan` is `id@version`, None the one that was in force at the position. `is_preliminary` says that the period was not
    over then. Nothing of these changes once it is published; reasons and a withdrawal are added.
    """

    id: KebabId
    title: ShortText
    period: Label
    plan: PlanName | None = None
    position: Position
    is_preliminary: bool
    note: ShortText | None = None
    published_by: Person
    key: KeyName
    published_at: AwareDatetime
    reasons: tuple[Reason, ...] = ()
    withdrawal: Withdrawal | None = None

    @property
    def state(self) -> str:
        """One of STATES."""
        return PUBLISHED if self.withdrawal is None else WITHDRAWN

    def reason_of(self, kpi: str, position: int, recorded_at: datetime) -> Reason | None:
        """Return what explains a restatement: what was said of its position alone, else what was said last."""
        fitting = [one for one in self.reasons if one.covers(kpi, position, recorded_at)]
        return max(fitting, key=lambda one: (one.position is not None, one.at), default=None)

    def history(self) -> list[dict[str, Any]]:
        """Return who did what when, oldest first: {"what": published | explained | withdrawn, "by", "at", ...}."""
        done: list[tuple[str, str, datetime, Mapping[str, Any]]] = [
            ("published", self.published_by, self.published_at, {}),
            *(("explained", one.by, one.at, {"kpi": one.kpi, "position": one.position}) for one in self.reasons),
        ]
        if self.withdrawal is not None:
            done.append(("withdrawn", self.withdrawal.by, self.withdrawal.at, {}))
        return [{"what": what, "by": by, "at": format_instant(at), **more} for what, by, at, more in done]
