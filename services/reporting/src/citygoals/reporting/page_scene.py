"""One position as the pages see it: a snapshot with the definitions in force at it. Everything on a page comes from it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Answer, Card, Months, Title, card, title
from citygoals.reporting.page_plan import Branch, leaf


@dataclass(frozen=True, slots=True)
class Scene:
    """The figures and nodes of one position by id, and what they are figures and nodes of."""

    snapshot: Answer
    figures: Mapping[str, Answer]
    nodes: Mapping[str, Answer]
    kpi_defs: Mapping[str, Answer]
    departments: Mapping[str, Answer]
    tags: Mapping[str, Answer]
    calendars: Mapping[str, Answer]
    references: Mapping[str, Answer]

    @classmethod
    def of(cls, snapshot: Answer, definitions: Answer) -> "Scene":
        """Index the answers of `ReadModel.snapshot` and `ReadModel.definitions` of the same position."""
        plan: Mapping[str, Any] = definitions["plan"]
        return cls(
            snapshot=snapshot, figures=_by_id(snapshot["kpis"]), nodes=_by_id(snapshot["nodes"]),
            kpi_defs=_by_id(definitions["kpis"]),
            departments=_by_id(definitions["departments"]), tags=_by_id(plan.get("tags", ())),
            calendars=_by_id(definitions["calendars"]), references=_by_id(definitions["references"]),
        )  # fmt: skip

    def department(self, department: str | None, t: Words) -> Title:
        """Name a department; none is the whole city."""
        known = self.departments.get(department or "")
        return title(known, t) if known else Title(department or t("board.city_wide"))

    def titled(self, measure: Answer, t: Words) -> Answer:
        """Return a measure with the titles of the calendar and the reference table in the place of their ids."""
        over, deadline = measure.get("over"), measure.get("deadline")
        found = {**measure, "clock": _called(self.calendars, measure.get("clock"), t)}
        if over:
            found["over"] = {**over, "reference": _called(self.references, over["reference"], t)}
        if deadline:
            found["deadline"] = {**deadline, "calendar": _called(self.calendars, deadline.get("calendar"), t)}
        return found

    def card(self, figure: Answer, t: Words, months: Sequence[Answer] = ()) -> Card:
        """Write out a figure as a card, with its months where the page shows them."""
        definition, department = self.kpi_defs.get(figure["id"], {}), self.department(figure["department"], t)
        return card(figure, t, definition=definition, department=department, months=self.months(months))

    def months(self, items: Sequence[Answer]) -> Months:
        """Return the months that a page shows; they know which of them is under way."""
        return Months.since_the_first(items, self.snapshot["city_date"][:7])

    def branch(self, node_id: str, t: Words) -> Branch:
        """Return a node and everything below it."""
        node = self.nodes[node_id]
        below = tuple(self.branch(child["node"], t) for child in node["children"])
        return leaf(node, t, children=below)

    def leaf(self, node_id: str, t: Words) -> Branch:
        """Return a node alone."""
        return leaf(self.nodes[node_id], t)

    def roots(self) -> list[str]:
        """Return the nodes that have no parent, in the plan's order."""
        return [node["id"] for node in self.snapshot["nodes"] if not node["parents"]]

    def path(self, node_id: str) -> list[str]:
        """Return the ancestors of a node from the root down, by first parents."""
        above: list[str] = []
        parents = self.nodes[node_id]["parents"]
        while parents:
            above.insert(0, parent_id(parents[0]))
            parents = self.nodes[above[0]]["parents"]
        return above

    def linked(self, kpi: str) -> list[str]:
        """Return the nodes in which a KPI counts directly, in the plan's order."""
        return [node["id"] for node in self.snapshot["nodes"] if any(link["kpi"] == kpi for link in node["links"])]


def parent_id(parent: str | Mapping[str, str]) -> str:
    """Return the id of a parent, which a plan may name alone or with a weight."""
    return parent if isinstance(parent, str) else parent["node"]


def _by_id(items: Sequence[Answer]) -> dict[str, Answer]:
    return {item["id"]: item for item in items}


def _called(items: Mapping[str, Answer], name: str | None, t: Words) -> str | None:
    return title(items[name], t).text if name is not None and name in items else name
