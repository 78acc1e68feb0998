"""Commitments and narratives on the pages of KPIs and departments: who promised what, when, and how it stands. Pure."""

from collections.abc import Mapping
from typing import Any

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Answer, target_text, title

Context = dict[str, Any]


def said_of_figure(answer: Answer, figure: Answer, t: Words) -> Context:
    """Return what stands beside a figure: its narrative, and the commitment that it is held against."""
    narrative, commitment = answer["narrative"], answer["commitment"]
    return {
        "narrative": None if narrative is None else _narrative(narrative, t),
        "commitment": None if commitment is None else _of_figure(commitment, figure, t),
    }


def of_department(answer: Answer, year: str, t: Words) -> Context:
    """Return a department's commitment for a fiscal year: each target beside the figure of now."""
    one = answer["commitment"]
    if one is None:
        return {"promise": None, "promise_title": t("commitments.title", year=t.period(year))}
    rows = [_row(target, answer["figures"].get(target["kpi"]), t) for target in one["targets"]]
    return {
        "promise_title": t("commitments.title", year=t.period(year)),
        "promise": {**_standing(one, t), "rows": rows, "amendments": _amendments(one, None, t)},
    }


def _of_figure(one: Answer, figure: Answer, t: Words) -> Context:
    mine = next((target for target in one["targets"] if target["kpi"] == figure["id"]), None)
    own = figure["committed"] and figure["committed"]["catalogue_target"]
    instead = {**figure, "target": {**own, "basis": None}} if own else None
    return {
        **_standing(one, t),
        "target": target_text(figure, t),
        "note": None if mine is None else mine["note"],
        "instead": None if instead is None else t("commitments.instead", target=target_text(instead, t)),
        "amendments": _amendments(one, figure["id"], t),
    }


def _standing(one: Answer, t: Words) -> Context:
    """Say in which state a commitment is, since when, and by whom."""
    last = next((act for act in reversed(one["history"]) if act["what"] == "moved"), one["history"][0])
    by = one["signed"] if one["in_force"] else last
    how = "returned" if one["state"] == "proposed" and last["what"] == "moved" else one["state"]
    words = {"by": by["by"], "at": t.instant(by["at"]), "reason": last["reason"] or t("value.none")}
    return {
        "id": one["id"],
        "year": t.period(one["fiscal_year"]),
        "department": one["department"],
        "standing": t(f"commitments.{how}", **words),
        "badges": (t("commitments.sample"),) if one["sample"] else (),
    }


def _row(target: Answer, figure: Answer | None, t: Words) -> Context:
    known = figure is not None
    return {
        "kpi": target["kpi"],
        "title": title(target, t),
        "is_known": known,
        "target": _aim(target, target, t),
        "value": t.amount(figure["value"], figure["unit"]) if figure is not None else t("value.none"),
        "status": figure["status"] if figure is not None else None,
        "note": target["note"],
    }


def _amendments(one: Answer, kpi: str | None, t: Words) -> list[Context]:
    """Return the amendments, with one KPI only those that changed its target."""
    titles = {target["kpi"]: target for target in one["targets"]}
    found = []
    for act in one["amendments"]:
        changes = [change for change in act["changes"] if kpi in {None, change["kpi"]}]
        if changes:
            said = t("commitments.amended", by=act["by"], at=t.instant(act["at"]), reason=act["reason"])
            found.append({"said": said, "changes": [_change(one_, titles.get(one_["kpi"]), t) for one_ in changes]})
    return found


def _change(change: Answer, target: Answer | None, t: Words) -> str:
    name = change["kpi"] if target is None else f"{change['kpi']} {title(target, t).text}"
    before, after = (None if side is None else _aim(side, target, t) for side in (change["before"], change["after"]))
    if before is None:
        return t("commitments.added", title=name, after=after)
    if after is None:
        return t("commitments.dropped", title=name, before=before)
    return t("commitments.changed", title=name, before=before, after=after)


def _aim(aim: Answer, target: Answer | None, t: Words) -> str:
    """Write a committed target as targets are written; the numbers alone where its KPI is known no more."""
    if target is None or target["unit"] is None:
        return " / ".join(str(aim[edge]) for edge in ("value", "low", "high") if aim[edge] is not None)
    polarity = "band" if aim["low"] is not None else target["polarity"]
    if polarity == "band" and aim["low"] is None:
        polarity = "up"  # the KPI was no band when this was promised
    return target_text({"unit": target["unit"], "target": {**aim, "polarity": polarity, "basis": None}}, t)


def _narrative(one: Answer, t: Words) -> Context:
    text: Mapping[str, str | None] = one["text"]
    lang = t.lang if text[t.lang] else t.other
    paragraphs = [part.strip() for part in (text[lang] or "").split("\n\n") if part.strip()]
    by = {"by": one["written"]["by"], "approver": one["approved"]["by"], "at": t.instant(one["approved"]["at"])}
    return {
        "title": t("commitments.narrative_title", period=t.period(one["period"])),
        "paragraphs": paragraphs,
        "lang": None if lang == t.lang else lang,
        "by": t("commitments.narrative_by", **by),
        "badges": (t("commitments.narrative_sample"),) if one["sample"] else (),
    }
