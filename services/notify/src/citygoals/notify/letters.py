"""Letters: the subject, the plain text and the HTML of a notice, in English or Spanish. Pure: no clock, no network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from citygoals.notify import wording
from citygoals.notify.news import News
from citygoals.notify.wording import LANGUAGES, Language

TEMPLATES = ("crossing", "closing", "duty")

WORD_MAX = 300
"""Characters of one value in a letter."""

SUBJECT_MAX = 200

STATUSES: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "ON_TRACK": "on track",
        "NEAR": "near its target",
        "OFF_TRACK": "off track",
        "BASELINING": "setting its baseline",
        "NO_DATA": "without data",
        "STALE": "out of date",
    },
    "es": {
        "ON_TRACK": "en meta",
        "NEAR": "cerca de la meta",
        "OFF_TRACK": "fuera de meta",
        "BASELINING": "en línea base",
        "NO_DATA": "sin datos",
        "STALE": "sin actualizar",
    },
}
REASONS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "resolved": "the work is done",
        "duplicate": "another request reports the same thing",
        "invalid": "the request could not be acted on",
        "referred": "the request was passed to another organization",
        "no_action": "no action was taken",
    },
    "es": {
        "resolved": "el trabajo está terminado",
        "duplicate": "otra solicitud informa de lo mismo",
        "invalid": "no se pudo actuar sobre la solicitud",
        "referred": "la solicitud se pasó a otra organización",
        "no_action": "no se tomó ninguna medida",
    },
}

KINDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"kpi": "KPI", "node": "part of the plan"},
    "es": {"kpi": "indicador", "node": "parte del plan"},
}

TASKS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "report": "report",
        "commit": "commitment",
        "memo": "memo before the meeting",
        "follow-up": "commitments made in the meeting",
    },
    "es": {
        "report": "informe",
        "commit": "compromiso",
        "memo": "memorando antes de la reunión",
        "follow-up": "compromisos adquiridos en la reunión",
    },
}
TO_DO: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "report": "Explain each of the department's KPIs for the period and have the texts approved.",
        "commit": "Propose the department's metrics and targets, and have them reviewed and signed.",
        "memo": "Send the memo to those who take part in the meeting, and record that it was sent.",
        "follow-up": "Write down what was committed to in the meeting, send it, and record that it was sent.",
    },
    "es": {
        "report": "Explique cada indicador del departamento en el período y haga aprobar los textos.",
        "commit": "Proponga los indicadores y metas del departamento, y hágalos revisar y firmar.",
        "memo": "Envíe el memorando a quienes participan en la reunión y registre que se envió.",
        "follow-up": "Anote los compromisos adquiridos en la reunión, envíelos y registre que se enviaron.",
    },
}
WHEN: Mapping[Language, Mapping[str, str]] = {
    "en": {"days": "due in {days} days", "tomorrow": "due tomorrow", "today": "due today", "overdue": "overdue"},
    "es": {"days": "vence en {days} días", "tomorrow": "vence mañana", "today": "vence hoy", "overdue": "vencido"},
}

# Control characters, line and paragraph separators, and the marks that turn text around: none belongs in a letter's
# value, and the first two kinds are how headers are forged.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Letter:
    """One rendered notice. The subject is a single line."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes letters for one city: its time zone, the address of its public pages ("" when it has none).

    `synthetic`: events behind the news are made up for a demonstration, and every letter says so.
    """

    zone: ZoneInfo
    public_url: str = ""
    synthetic: bool = False

    def write(self, news: News, language: Language) -> Letter:
        """Render the news. The same news gives the same letter, whenever it is written."""
        words = self._words(news, language)
        text = _environment().get_template(f"{news.topic}.{language}.txt").render(words)
        subject, _, body = text.partition("\n")
        html = _environment().get_template(f"{news.topic}.{language}.html").render(words)
        return Letter(subject=plain(subject)[:SUBJECT_MAX], text=body.strip() + "\n", html=html)

    def _words(self, news: News, language: Language) -> dict[str, Any]:
        words = {name: _plain_or_none(value) for name, value in news.words.items() if not isinstance(value, dict)}
        words["synthetic"] = self.synthetic
        if news.topic == "crossing":
            words |= {
                **_measured(words, language),
                "title": _titled(news.words["title"], language),
                "before": STATUSES[language][news.words["before"]],
                "after": STATUSES[language][news.words["after"]],
                "link": self._link("kpis" if news.words["kind"] == "kpi" else "plan", news.words["id"], language),
            }
        elif news.topic == "closing":
            closed_at = datetime.fromisoformat(news.words["closed_at"])
            words |= {
                "why": REASONS[language][news.words["reason"]],
                "closed_at": wording.instant(closed_at, self.zone, language),
            }
        else:
            words |= self._duty_words(news.words, language)
        return words

    def _duty_words(self, duty: Mapping[str, Any], language: Language) -> dict[str, Any]:
        """Write out what is due for whom, when in the city's time, and what to do about it."""
        period, meeting_at, days = duty["period"], duty["meeting_at"], duty["days_left"]
        title = _titled(duty["title"], language)
        return {
            "title": title,
            "heading": title if period is None else f"{title}, {wording.period(period, language)}",
            "department_title": _titled(duty["department_title"], language),
            "task": TASKS[language][duty["kind"]],
            "to_do": TO_DO[language][duty["kind"]],
            "meeting_time": None if meeting_at is None else self._instant(meeting_at, language),
            "due_time": wording.until(datetime.fromisoformat(duty["due"]), self.zone, language),
            "when": WHEN[language][_when(duty["stage"], days)].format(days=days),
            "link": self._link("departments", duty["department"], language),
        }

    def _instant(self, text: str, language: Language) -> str:
        return wording.instant(datetime.fromisoformat(text), self.zone, language)

    def _link(self, page: str, subject: str, language: Language) -> str | None:
        return (
            f"{self.public_url.rstrip('/')}/{page}/{quote(subject, safe='')}?lang={language}"
            if self.public_url
            else None
        )


def sources() -> list[dict[str, str]]:
    """Return every template as it was written: the subject is the first line of the text."""
    loader = PackageLoader("citygoals.notify", "templates")

    def source(template: str, language: str, kind: str) -> str:
        return loader.get_source(_environment(), f"{template}.{language}.{kind}")[0]

    return [
        {
            "id": template,
            "language": language,
            "text": source(template, language, "txt"),
            "html": source(template, language, "html"),
        }
        for template in TEMPLATES
        for language in LANGUAGES
    ]


def _measured(words: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Write out where it is, how much it is, and how far from its target."""
    value, share, is_met = words["value"], words["attainment"], words["after"] == "ON_TRACK"
    return {
        "kind": KINDS[language][words["kind"]],
        "over": wording.period(words["period"], language),
        "figure": None if value is None else wording.amount(value, words["unit"], language),
        "attainment": None if share is None else wording.reached(share, language, is_met=is_met),
    }


def _when(stage: str, days_left: int) -> str:
    """Return how near it is: by the days that are left, which a city that was down tells later than planned."""
    if stage == "overdue":
        return "overdue"
    return {0: "today", 1: "tomorrow"}.get(days_left, "days")


def _titled(titles: Mapping[str, str], language: Language) -> str:
    return plain(titles.get(language) or titles.get("en") or next(iter(titles.values())))


def plain(value: str) -> str:
    """Return the value on one line, without control characters, at most WORD_MAX characters."""
    text = " ".join(_UNPRINTABLE.sub(" ", value).split())
    return text if len(text) <= WORD_MAX else text[: WORD_MAX - 1] + "…"


def _plain_or_none(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("citygoals.notify", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
