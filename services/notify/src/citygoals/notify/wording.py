"""Figures, periods and instants as people in the United States read them, in English and in Spanish. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")

WORDS: Mapping[Language, Mapping[str, Any]] = {
    "en": {
        "months": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        "instant": "{month} {day}, {year}, {clock}",
        "end_of_day": "the end of {month} {day}, {year}",
        "halves": ("AM", "PM"),
        "period": {"": "fiscal year {year}", "Q": "fiscal year {year}, quarter {part}", "H": "fiscal year {year}, half {part}"},
        "units": {"s": "s", "minutes": "min", "hours": "hours", "days": "days", "h": "hours"},
        "almost": "almost 100%",
    },
    "es": {
        "months": ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
        "instant": "{day} {month} {year}, {clock}",
        "end_of_day": "fin del {day} {month} {year}",
        "halves": ("a.m.", "p.m."),
        "period": {"": "año fiscal {year}", "Q": "año fiscal {year}, trimestre {part}", "H": "año fiscal {year}, semestre {part}"},
        "units": {
            "s": "s",
            "minutes": "min",
            "hours": "horas",
            "days": "días",
            "requests": "solicitudes",
            "attendances": "asistencias",
            "sessions": "sesiones",
            "pts": "puntos",
            "h": "horas",
            "per 10,000 stops": "por 10,000 paradas",
            "per 1,000 residents": "por 1,000 habitantes",
        },
        "almost": "casi 100%",
    },
}  # fmt: skip
DURATIONS = ((2 * 86_400, 86_400, "days"), (2 * 3_600, 3_600, "hours"), (2 * 60, 60, "minutes"))
FULL, PLACES_MAX = Decimal(100), 6


def instant(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """Write an instant in the city's own time: `Nov 21, 2026, 4:05 PM MST`."""
    local, words = at.astimezone(zone), WORDS[language]
    clock = f"{local.hour % 12 or 12}:{local.minute:02d} {words['halves'][local.hour // 12]} {local.tzname()}"
    return str(words["instant"]).format(
        month=words["months"][local.month - 1], day=local.day, year=local.year, clock=clock
    )


def until(due: datetime, zone: ZoneInfo, language: Language) -> str:
    """Write a due instant; what is due at midnight is due by the end of the day before, which nobody mistakes."""
    local = due.astimezone(zone)
    if local.time() != time.min:
        return instant(due, zone, language)
    day, words = local.date() - timedelta(days=1), WORDS[language]
    return str(words["end_of_day"]).format(month=words["months"][day.month - 1], day=day.day, year=day.year)


def period(label: str, language: Language) -> str:
    """Write a fiscal period in words; any other label stands for itself."""
    match = re.fullmatch(r"FY(\d{4})(?:-([QH])(\d))?", label)
    if match is None:
        return label
    return str(WORDS[language]["period"][match[2] or ""]).format(year=match[1], part=match[3])


def amount(value: str, unit: str | None, language: Language) -> str:
    """Write a figure with its unit: `65.00%`, `$1,250`, `4.5 days`. What is not a number stands for itself."""
    if not re.fullmatch(r"-?\d{1,30}(\.\d{1,12})?", value):
        return f"{value} {unit or ''}".strip()
    number, units = Decimal(value), WORDS[language]["units"]
    if unit == "%":
        return f"{number:,f}%"
    if unit in {"USD", "$"}:
        return f"${number:,f}".replace("$-", "-$")
    if unit == "s":
        for limit, size, name in DURATIONS:
            if abs(number) >= limit:
                return f"{rounded(number / size, 1):,f} {units[name]}"
    return f"{number:,f} {units.get(unit, unit or '')}".strip()


def reached(share: str, language: Language, *, is_met: bool) -> str:
    """Write an attainment as a percentage that shows 100% only where the target is met, however close it may be."""
    percent = Decimal(share) * 100
    if percent == FULL and not is_met:
        return str(WORDS[language]["almost"])  # the share has been rounded before
    places = next((n for n in range(1, PLACES_MAX + 1) if percent == FULL or rounded(percent, n) != FULL), None)
    return str(WORDS[language]["almost"]) if places is None else f"{rounded(percent, places):,f}%"


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half-even to so many places."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
