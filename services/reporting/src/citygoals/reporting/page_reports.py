"""Publications as a page shows them: as published beside as now known, and what was restated, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Answer, Title, title
from citygoals.reporting.restatements import DEFINITION, KINDS

Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """One publication in a list."""

    id: str
    title: Title
    period: str
    state: str
    badges: tuple[str, ...]
    preliminary: str
    published: str
    withdrawn: str
    withdrawal_reason: Title | None
    note: Title | None


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure or node as published and as now known; what there is not is a dash."""

    id: str
    title: Title
    published: str
    now: str
    status: str
    status_now: str | None
    difference: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restatement:
    """One restatement in words."""

    position: str
    instant: str
    kpi: str
    before: str
    after: str
    difference: str
    status: str | None
    cause: str
    events: str
    reason: Title | None
    said: str


def list_page(answer: Answer, t: Words) -> Context:
    """Return every publication, the newest first."""
    return {"notices": [notice(one, t) for one in answer["items"]]}


def notice(one: Answer, t: Words) -> Notice:
    """Write out what a list says of a publication."""
    withdrawal = one["withdrawal"]
    badges = (("value.preliminary", one["preliminary"]), ("reports.withdrawn", withdrawal is not None))
    return Notice(
        id=one["id"], title=title(one, t), period=t.period(one["period"]), state=one["state"], badges=tuple(t(key) for key, is_so in badges if is_so),
        preliminary=t("reports.preliminary") if one["preliminary"] else "",
        published=t("reports.published_by", by=one["published_by"], instant=t.instant(one["published_at"])),
        withdrawn="" if withdrawal is None else t(
            "reports.withdrawn_by", by=withdrawal["by"], instant=t.instant(withdrawal["at"])
        ),
        withdrawal_reason=None if withdrawal is None else text(withdrawal["reason"], t),
        note=None if one["note"] is None else text(one["note"], t),
    )  # fmt: skip


def report_page(answer: Answer, restatements: Answer, t: Words) -> Context:
    """Return one publication: its figures and nodes side by side, and a page of its restatements."""
    kpis = [compared(one, t) for one in answer["kpis"]]
    published, now = answer["published"], answer["now"]
    counted = sum(one["is_restated"] is not False for one in answer["kpis"])
    summary = "reports.summary_preliminary" if answer["preliminary"] else "reports.summary"
    is_same = now["plan"] is not None and _plan_id(now["plan"]) == _plan_id(published["plan"])
    return {
        "notice": notice(answer, t),
        "report_period": answer["period"],
        "pinned": t("reports.pinned", position=published["as_of"]["position"], instant=t.instant(published["as_of"]["recorded_at"])),
        "known": t("reports.known", position=now["as_of"]["position"], instant=t.instant(now["as_of"]["recorded_at"])),
        "plan": plan_name(published["plan"], t),
        "plan_now": None if is_same or now["plan"] is None else plan_name(now["plan"], t),
        "summary": t(summary, count=counted, total=t.number(len(kpis))),
        "kpis": kpis,
        "nodes": [node(one, t) for one in answer["nodes"] if _is_measured(one)],
        "restatements": [restatement(one, t) for one in restatements["items"]],
        "following": restatements["next"],
    }  # fmt: skip


def compared(one: Answer, t: Words) -> Compared:
    """Write out a figure as published and as now known."""
    published, now = one["published"], one["now"]
    return Compared(
        id=one["id"], title=title(one, t), published=amount(published, t), now=amount(now, t), status=published["status"],
        status_now=None if now is None else now["status"], difference=difference(one["difference"], t),
        changed=tuple(changed(one, t)),
    )  # fmt: skip


def node(one: Answer, t: Words) -> Compared:
    """Write out a part of the plan as published and as now known."""
    published, now = one["published"], one["now"] or {"attainment": None, "status": None}
    both = (published["attainment"], now["attainment"])
    size = "" if None in both or both[0] == both[1] else in_points(Decimal(both[1]) - Decimal(both[0]), t)
    return Compared(
        id=one["id"], title=title(one, t), published=t.reached(both[0]), now=t.reached(both[1]),
        status=published["status"], status_now=now["status"], difference=size, changed=(),
    )  # fmt: skip


def changed(one: Answer, t: Words) -> list[str]:
    """Say what changed a published figure: events, definitions, time."""
    said = [
        t(f"reports.changed_{kind}", count=one["changes"][kind]["positions"])
        for kind in KINDS
        if one["changes"][kind]["positions"] and (kind != DEFINITION or not one["redefined"])
    ]
    if one["redefined"]:
        said.append(t("reports.redefined", parts=", ".join(parts(one["redefined"], t))))
    if one["now"] is None:
        said.append(t("reports.gone"))
    return said


def parts(names: Sequence[str], t: Words) -> list[str]:
    """Name the parts of a definition that changed; those without a word of their own are `other`, once."""
    keys = [f"part.{name}" if t.has(f"part.{name}") else "part.other" for name in names]
    return [t(key) for key in dict.fromkeys(keys)]


def restatement(one: Answer, t: Words) -> Restatement:
    """Write out a restatement."""
    reason, cause = one["reason"], one["cause"]
    words = t(f"cause.{cause or 'unknown'}")
    if one["redefined"]:
        words = t("reports.redefined", parts=", ".join(parts(one["redefined"], t)))
    count = one["events"]["count"]
    return Restatement(
        position=t.number(one["position"]), instant=t.instant(one["recorded_at"]), kpi=one["kpi"],
        before=amount(one["before"], t), after=amount(one["after"], t), difference=difference(one["difference"], t),
        status=one["status"]["after"], cause=words,
        events=t("value.events", count=count) if count else "",
        reason=None if reason is None else text(reason["labels"], t),
        said=reason_said(reason, t) if reason is not None else t("reports.unexplained") if one["is_restatement"] else "",
    )  # fmt: skip


def reason_said(reason: Answer, t: Words) -> str:
    """Say who explained something, and when."""
    return t("reports.said_by", by=reason["by"], instant=t.instant(reason["at"]))


def published_notes(answer: Answer, t: Words) -> list[tuple[str, Title, str]]:
    """Return where the figure of a KPI page was published: the report's id and title, and what came of it since."""
    return [(one["id"], title(one, t), _since(one, t)) for one in answer["items"]]


def _since(one: Answer, t: Words) -> str:
    published = t("reports.figure_published", instant=t.instant(one["published_at"]))
    if not one["positions"]:
        return f"{published} {t('reports.figure_stands')}"
    key = "reports.figure_changed" if one["is_restated"] is None else "reports.figure_restated"
    return f"{published} {t(key, count=one['positions'], instant=t.instant(one['last']))}"


def amount(row: Answer | None, t: Words) -> str:
    """Write a figure's value; one that there is not is a dash."""
    return t("value.none") if row is None else t.amount(row["value"], row["unit"])


def difference(one: Mapping[str, Any], t: Words) -> str:
    """Write by how much a figure differs: its value, and what was counted; nothing where nothing does."""
    numerator, denominator, value = one["numerator"], one["denominator"], one["value"]
    shown = [] if value is None or not Decimal(value) else [signed(Decimal(value), t)]
    if numerator or denominator:
        shown.append(f"({signed(Decimal(numerator), t)} / {signed(Decimal(denominator), t)})")
    return " ".join(shown)


def signed(value: Decimal, t: Words) -> str:
    """Write a number with its sign; a real minus, which screen readers say."""
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "\N{PLUS-MINUS SIGN}"
    return sign + t.number(abs(value))


def in_points(difference: Decimal, t: Words) -> str:
    """Write how far two attainments of 12 places are apart, in percentage points: with as many places as show it."""
    return signed(next(filter(None, (round(difference * 100, places) for places in range(1, 13)))), t)


def text(labels: Mapping[str, str], t: Words) -> Title:
    """Return a text of a publication in the reader's language, or the English one, marked as English."""
    return title({"labels": labels, "title": labels["en"]}, t)


def plan_name(plan: Answer, t: Words) -> Title:
    """Name a plan and its version."""
    named = title(plan, t)
    return Title(f"{named.text} ({plan['version']})", named.lang)


def _plan_id(plan: Answer) -> tuple[str, str]:
    return plan["id"], plan["version"]


def _is_measured(one: Answer) -> bool:
    return one["published"]["attainment"] is not None or bool(one["now"] and one["now"]["attainment"] is not None)
