"""What is on each page and in which order: contexts for the templates, from one scene. Pure."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from citygoals.reporting import charts
from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import (
    Answer,
    Months,
    Row,
    counts,
    month_rows,
    row,
    target_levels,
    target_text,
    title,
    whole,
)
from citygoals.reporting.page_kinds import definition_rows
from citygoals.reporting.page_plan import arithmetic, measurable
from citygoals.reporting.page_scene import Scene

UNASSIGNED = "unassigned"
Context = dict[str, Any]
Trends = Mapping[str, Sequence[Answer]]


def board(scene: Scene, trends: Trends, t: Words, status: str | None) -> Context:
    """Return the scoreboard: the city on top, the parts of the plan, every KPI as a card (or those of one status)."""
    figures = scene.snapshot["kpis"]
    cards = {figure["id"]: scene.card(figure, t, trends.get(figure["id"], ())) for figure in figures}
    return {
        "tops": [scene.branch(root, t) for root in scene.roots()], "cards": cards, "counts": counts(figures),
        "shown": [one for one in cards.values() if status in {None, one.status}],
        "events": int(scene.snapshot["totals"]["events"]),
        "plan_title": title(scene.snapshot["plan"], t),
    }  # fmt: skip


def kpi_page(scene: Scene, kpi: str, series: Answer, t: Words) -> Context:
    """Return one KPI: the number, its months as a chart and a table, its definition in words, its places in the plan."""
    figure, definition = scene.figures[kpi], scene.kpi_defs[kpi]
    description, months = definition.get("description"), series["items"]
    held = {
        **definition,
        "measure": scene.titled(definition["measure"], t),
        "tolerance": (figure["target"] or definition)["tolerance"],
    }
    return {
        "card": scene.card(figure, t), "events": whole(figure["events"], t), "figure": figure, "chart": chart(figure, scene.months(months), t),
        "description": title({"title": description}, t) if description else None,
        "signs": signs(series["control"], figure["unit"], t),
        "months": month_rows(scene.months(months), t), "definition": definition_rows(held, t),
        "paths": [[scene.leaf(step, t) for step in (*scene.path(node), node)] for node in scene.linked(kpi)],
    }  # fmt: skip


def signs(control: Answer, unit: str, t: Words) -> list[str]:
    """Say in sentences whether the months rise or fall, between which limits they move, and what is outside."""
    if control["periods"] < control["least"]["trend"]:
        trend = t("control.too_few", least=control["least"]["trend"])
    else:
        judged = {True: "control.better", False: "control.worse"}.get(control["improves"])
        trend = " ".join(t(key) for key in (f"control.{control['trend']}", judged) if key)
    if control["limits"] is None:
        return [trend]
    low, high = (t.amount(control["limits"][edge], unit) for edge in ("lower", "upper"))
    found = [
        t(f"control.{one['kind']}", first=t.period(one["from"]), last=t.period(one["to"])) for one in control["signals"]
    ]
    return [trend, t("control.limits", low=low, high=high), *(found or [t("control.quiet")])]


def chart(figure: Answer, months: Months, t: Words) -> Markup:
    """Draw a KPI's months with the target where there is one."""
    if not months.items:
        return Markup("")
    ends = {place: t.period(months.items[end]["period"]) for place, end in (("first", 0), ("last", -1))}
    targets = target_levels(months)
    known = [Decimal(month["value"]) for month in months.items if month["value"] is not None]
    size, unit = t.scale(figure["unit"], max([*known, *targets], default=Decimal(0)))
    return charts.column_chart(
        [_column(month, months, size, t) for month in months.items],
        name=t("kpi.by_month_chart", title=title(figure, t).text, **ends),
        targets=[target / size for target in targets],
        target_shown=f"{t('value.target')}: {target_text(figure, t)}",
        unit="%" if figure["unit"] == "%" else unit,
    )


def members(scene: Scene, split: Answer, t: Words) -> list[Row]:
    """Return the rows of a figure split by department, district or channel, empty members left out."""
    names: Mapping[str, Callable[[str], str]] = {
        "department": lambda member: scene.department(member, t).text,
        "district": lambda member: t("kpi.district", number=member),
        "channel": lambda member: t(f"channel.{member}") if t.has(f"channel.{member}") else member,
    }
    name = names[split["by"]]
    return [row(figure, t, label=name(str(figure["member"]))) for figure in split["items"] if has_anything(figure)]


def has_anything(figure: Answer) -> bool:
    """Say whether anything stands behind a figure; None events are some that cannot be told."""
    return figure["numerator"] is not None and figure["events"] != 0


def node_page(scene: Scene, node_id: str, t: Words) -> Context:
    """Return one node: the way to it, its roll-up written out, what is directly below it."""
    node, cap = scene.nodes[node_id], scene.snapshot["plan"]["cap"]
    linked = [scene.figures[link["kpi"]] for link in node["links"] if link["kpi"] in scene.figures]
    return {
        "node": scene.leaf(node_id, t), "cap": cap, "sum": arithmetic(node, scene.nodes, scene.figures, cap, t),
        "worst": worst(scene, node, t), "tags": ", ".join(title(scene.tags[tag], t).text for tag in node["tags"] if tag in scene.tags),
        "path": [scene.leaf(step, t) for step in scene.path(node_id)], "cards": [scene.card(one, t) for one in linked],
        "unmeasured": [scene.leaf(child["node"], t) for child in node["children"] if not measurable(scene.nodes[child["node"]])],
    }  # fmt: skip


def worst(scene: Scene, node: Answer, t: Words) -> str:
    """Name the part that a mean may hide: the one that attains least, where it is short of its target."""
    part = node.get("worst")
    if part is None or Decimal(part["attainment"]) >= 1:
        return ""
    known = scene.figures[part["kpi"]] if "kpi" in part else scene.nodes[part["node"]]
    return t("node.worst", title=title(known, t).text, percent=t.reached(part["attainment"]))


def departments_page(scene: Scene, t: Words) -> Context:
    """Return every department with how many of its KPIs have which status; those without a KPI apart."""
    every = [_department(item, t) for item in scene.snapshot["departments"]]
    return {"measured": [one for one in every if one["total"]], "others": [one for one in every if not one["total"]]}


def department_page(scene: Scene, answer: Answer, trends: Trends, t: Words) -> Context:
    """Return one department: its own KPIs, and the city-wide ones counted for it alone."""
    sliced = [figure for figure in answer["slices"] if has_anything(figure)]
    return {
        **_department(answer, t), "counts": counts(answer["figures"]),
        "note": scene.departments.get(answer["id"], {}).get("note"),
        "cards": [scene.card(figure, t, trends.get(figure["id"], ())) for figure in answer["figures"]],
        "slices": [(figure["id"], title(figure, t), row(figure, t)) for figure in sliced],
    }  # fmt: skip


def _department(item: Answer, t: Words) -> Context:
    statuses = {status: item["statuses"][status] for status in charts.STATUS_ORDER if item["statuses"].get(status)}
    # That nobody is in charge is our own word, and nothing to verify.
    marks = () if item.get("verified", True) or item["id"] == UNASSIGNED else (t("value.unverified"),)
    return {
        "id": item["id"],
        "title": title(item, t),
        "statuses": statuses,
        "total": sum(statuses.values()),
        "badges": marks,
    }


def _column(month: Answer, months: Months, size: Decimal, t: Words) -> charts.Column:
    value = None if month["value"] is None else Decimal(month["value"]) / size
    return charts.Column(
        label=t.axis(month["period"]),
        value=value,
        shown="" if value is None else t.compact(value),
        growing=months.is_growing and month is months.items[-1],
    )
