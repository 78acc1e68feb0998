"""English and Spanish: the words of the pages, and numbers and dates as a reader in the United States expects them.

Both files of `texts/` have the same keys with the same placeholders (a test holds them to it), and a word that is asked
for and missing is a `KeyError`, never an English word in a Spanish page.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

LANGUAGES = ("en", "es")
DEFAULT_LANGUAGE = "en"
FULL = Decimal(100)
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
DURATIONS = ((2 * DAY_S, DAY_S, "days"), (2 * HOUR_S, HOUR_S, "hours"), (2 * MINUTE_S, MINUTE_S, "minutes"))

_ACCEPTED = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*$")


def negotiate(chosen: str | None, accept_language: str) -> str:
    """Return the language of an answer: the one chosen in the address, else the best accepted one, else English."""
    if chosen in LANGUAGES:
        return str(chosen)
    wishes = (_ACCEPTED.match(part) for part in accept_language.split(","))
    ranked = [(-float(wish[2] or 1), place, wish[1].lower()) for place, wish in enumerate(wishes) if wish]
    known = sorted(wish for wish in ranked if wish[2] in LANGUAGES and wish[0] < 0)
    return known[0][2] if known else DEFAULT_LANGUAGE


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Return every text of one language as `section.key` -> text."""
    source = files("citygoals.reporting").joinpath("texts", f"{lang}.toml").read_text(encoding="utf-8")
    return {f"{section}.{key}": text for section, texts in tomllib.loads(source).items() for key, text in texts.items()}


class Words:
    """One language: texts by key, and numbers, dates and periods written out."""

    def __init__(self, lang: str, zone: str) -> None:
        self.lang = lang
        self.locale = f"{lang}-US"
        self.other = next(other for other in LANGUAGES if other != lang)
        self._texts = catalogue(lang)
        self._zone = ZoneInfo(zone)
        self._months = self._texts["dates.months"].split(" ")
        self._months_short = self._texts["dates.months_short"].split(" ")

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text; `count=1` picks the key's `_one` form."""
        if values.get("count") == 1 and f"{key}_one" in self._texts:
            key = f"{key}_one"
        shown = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return self._texts[key].format(**shown)

    def markup(self, key: str, **values: Any) -> Markup:
        """Return a text as markup; values are escaped unless they are markup themselves."""
        return Markup(self._texts[key]).format(**values)  # noqa: S704  # the texts are ours

    def has(self, key: str) -> bool:
        """Say whether there is a text of that key."""
        return key in self._texts

    def number(self, value: Decimal | int | str, decimals: int | None = None) -> str:
        """Write a number with grouped thousands; half-even where digits are cut."""
        number = Decimal(value)
        if decimals is not None:
            number = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
        return f"{number:,f}"

    def amount(self, value: str | None, unit: str) -> str:
        """Write a figure's value with its unit; a missing one is a dash that the page explains beside it."""
        return " ".join(part for part in self.parted(value, unit) if part)

    def parted(self, value: str | None, unit: str) -> tuple[str, str]:
        """Write a value and its unit apart, so that a page can make the number large: `58.4`, `s`."""
        if value is None:
            return self("value.none"), ""
        if unit == "%":
            return f"{self.number(value)}%", ""
        if unit == "s":
            return self._duration(Decimal(value))
        if unit in {"USD", "$"}:
            return f"${self.number(value)}".replace("$-", "-$"), ""
        return self.number(value), self._texts.get(f"units.{unit}", unit)

    def _duration(self, seconds: Decimal) -> tuple[str, str]:
        for limit, size, key in DURATIONS:
            if abs(seconds) >= limit:
                return self.number(seconds / size, 1), self(f"units.{key}")
        return self.number(seconds), self("units.s")

    def scale(self, unit: str, most: Decimal) -> tuple[Decimal, str]:
        """Return what to divide values up to `most` by so that a person can read them on a scale, and their unit."""
        if unit != "s":
            return Decimal(1), "" if unit == "%" else self._texts.get(f"units.{unit}", unit)
        for limit, size, key in DURATIONS:
            if most >= limit:
                return Decimal(size), self(f"units.{key}")
        return Decimal(1), self("units.s")

    def percent(self, ratio: Decimal | str | None, decimals: int = 1) -> str:
        """Write a ratio as a percentage."""
        return self("value.none") if ratio is None else f"{self.number(Decimal(ratio) * 100, decimals)}%"

    def reached(self, attainment: Decimal | str | None) -> str:
        """Write an attainment as a percentage that shows 100% only where it is exactly 1, however close it may be."""
        if attainment is None:
            return self("value.none")
        percent = Decimal(attainment) * 100
        places = next((n for n in range(1, 7) if percent == FULL or round(percent, n) != FULL), None)
        return f"{self.number(percent, places)}%" if places else self("value.almost")

    def day(self, day: date) -> str:
        """Write a day: `Nov 21, 2026`, `21 nov 2026`."""
        return self("dates.day", day=str(day.day), month=self._months_short[day.month - 1], year=str(day.year))

    def month(self, day: date) -> str:
        """Write a month and its year: `November 2026`, `noviembre de 2026`."""
        return self("dates.month", month=self._months[day.month - 1], year=str(day.year))

    def axis(self, label: str) -> str:
        """Write a period on an axis: a month by its short name, a day by its number, else the label itself."""
        if match := re.fullmatch(r"\d{4}-(\d{2})", label):
            return self._months_short[int(match[1]) - 1]
        return str(int(label[-2:])) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", label) else label

    def compact(self, value: Decimal) -> str:
        """Write a number in the little room above a column: three digits or so, thousands as k, millions as M."""
        for limit, sign in ((Decimal(1_000_000), "M"), (Decimal(10_000), "k")):
            if abs(value) >= limit:
                return f"{self._short(value / (1_000_000 if sign == 'M' else 1000))}{sign}"
        return self._short(value)

    def _short(self, value: Decimal) -> str:
        places = 0 if abs(value) >= 100 else 1
        rounded = round(value, places)
        return f"{rounded.normalize():,f}" if rounded else "0"

    def instant(self, text: str) -> str:
        """Write an RFC 3339 instant in the city's own time: `Nov 21, 2026, 4:05 PM MST`."""
        local = datetime.fromisoformat(text).astimezone(self._zone)
        half = self("dates.am" if local.hour < 12 else "dates.pm")
        return f"{self.day(local.date())}, {local.hour % 12 or 12}:{local.minute:02d} {half} {local.tzname()}"

    def local_day(self, text: str) -> date:
        """Return the city's day of an RFC 3339 instant."""
        return datetime.fromisoformat(text).astimezone(self._zone).date()

    def period(self, label: str) -> str:
        """Write a period's label in words: `FY2027-Q1` is `Fiscal year 2027, quarter 1`."""
        if match := re.fullmatch(r"FY(\d{4})(?:-([QH])(\d))?", label):
            kind = {"Q": "period.quarter", "H": "period.half", None: "period.fiscal_year"}[match[2]]
            return self(kind, year=match[1], part=match[3] or "")
        if match := re.fullmatch(r"(\d{4})-(\d{2})", label):
            return self.month(date(int(match[1]), int(match[2]), 1))
        if match := re.fullmatch(r"(\d{4})-W(\d{2})", label):
            return self("period.week", year=match[1], week=str(int(match[2])))
        if match := re.fullmatch(r"last-(\d+)d@(\d{4}-\d{2}-\d{2})", label):
            return self("period.rolling", days=match[1], day=self.day(date.fromisoformat(match[2])))
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", label):
            return self.day(date.fromisoformat(label))
        return self("period.all") if label == "all" else label


@cache
def words(lang: str, zone: str) -> Words:
    """Return the words of a language; made once."""
    return Words(lang, zone)
