"""The read model: what the JSON API, the live stream and the pages ask for, as plain dicts, each from one position.

Every method answers exactly what the JSON API of the same name answers, `as_of` included. Arguments left `None` take
the API's defaults (fiscal year of now, present position, plan in force). The dicts are shared with a cache: read only.
All methods raise `Unknown` (a LookupError) for ids, plans and positions that do not exist, `Misread` (a ValueError) for
what cannot be read as a period, instant, grain or cursor, and `Unavailable` while the database does not answer.
"""

from typing import Any

Answer = dict[str, Any]


class Unknown(LookupError):  # noqa: N818  # reads as what it is: raise Unknown(...)
    """There is no such thing; `allowed` says what there is."""

    def __init__(self, detail: str, **allowed: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.allowed = allowed


class Misread(ValueError):  # noqa: N818
    """A parameter that cannot be read; `allowed` says what can."""

    def __init__(self, detail: str, **allowed: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.allowed = allowed


class ReadModel:
    """Answers from one position, the present one or a past one."""

    async def snapshot(
        self, *, period: str | None = None, as_of: str | None = None, plan: str | None = None, analyst: bool = False
    ) -> Answer:
        """Every figure of the period and every node over them.

        {"as_of": {"position", "recorded_at"}, "city_date": "2026-11-21", "period": "FY2027", "plan": {"id", "version",
        "title", "effective", "cap", "tolerance", ...}, "kpis": [figure...], "nodes": [node...],
        "departments": [{"id", "title", "labels": {"en", "es"}, "kpis": [ids], "statuses": {"ON_TRACK": n, ...}}...],
        "totals": {"events": n, "by_type": {type: n}}}
        """
        raise NotImplementedError

    async def kpis(
        self, *, period: str | None = None, as_of: str | None = None, plan: str | None = None, analyst: bool = False
    ) -> Answer:
        """{"items": [figure...], "next": null, "as_of", "period"}; the HTTP side cuts it into pages."""
        raise NotImplementedError

    async def kpi(
        self, kpi: str, *, period: str | None = None, as_of: str | None = None, plan: str | None = None,
        analyst: bool = False,
    ) -> Answer:
        """The figure's own members, plus "as_of", "definition" (the catalogue entry, as its model dumps), "nodes"
        (the nodes it links to, each with "id", "title", "labels", "weight").
        """
        raise NotImplementedError

    async def series(
        self, kpi: str, *, grain: str | None = None, first: str | None = None, last: str | None = None,
        by: str | None = None, as_of: str | None = None, analyst: bool = False,
    ) -> Answer:
        """{"items": [figure...], "next": null, "as_of", "kpi", "grain", "by"}: one figure for each period from `first` to
        `last` (dates or period labels), missing ones included; with `by`, each has "member" (and "department" or
        "district" is that member).
        """
        raise NotImplementedError

    async def plan(
        self, *, period: str | None = None, as_of: str | None = None, plan: str | None = None
    ) -> Answer:
        """{"as_of", "period", "plan", "versions": [{"id", "version", "effective", "position"}...], "nodes": [node...]}."""
        raise NotImplementedError

    async def node(
        self, node: str, *, period: str | None = None, as_of: str | None = None, plan: str | None = None,
        analyst: bool = False,
    ) -> Answer:
        """The node's own members, plus "as_of", "period", "plan", "kpis" (figures of its links), "nodes" (its children)
        and "path" (ancestors from the root down to its parent, by first parents).
        """
        raise NotImplementedError

    async def departments(
        self, *, period: str | None = None, as_of: str | None = None, analyst: bool = False
    ) -> Answer:
        """{"items": [department as in the snapshot...], "next": null, "as_of", "period"}."""
        raise NotImplementedError

    async def department(
        self, department: str, *, period: str | None = None, as_of: str | None = None, analyst: bool = False
    ) -> Answer:
        """The department's own members, plus "as_of", "period", "figures" (of its own KPIs) and "slices" (city-wide KPIs
        counted for this department only).
        """
        raise NotImplementedError

    async def definitions(self, *, as_of: str | None = None, plan: str | None = None) -> Answer:
        """{"as_of", "plan": {...whole...}, "kpis": [...], "departments": [...]}: the models as they dump (titles en, es)."""
        raise NotImplementedError
