"""The city's KPIs as Boston's CityScore would show them, for comparison: one score each, 1 is the target. Pure and exact.

Its method, without what was wrong with it: a score is the attainment of the pooled figure of the period, so busy days weigh
what they are; zero of what should be few is the best there is; a period ends when it says and not with the last entry;
targets change by definitions and never by being looked at; and a score is cut, not rounded up, so that 1.00 is met.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from citygoals.shared.attainment import STALE
from citygoals.shared.exact import decimal_text
from citygoals.shared.figures import Figure

PLACES = 2
LISTED = 5

Row = dict[str, Any]


def cityscore(figures: Iterable[Figure], cap: str) -> Row:
    """Return {"score", "capped", "metrics", "exceeding", "following_up"}.

    `score` is the plain mean of all scores as CityScore takes it, `capped` the one in which no score counts for more
    than the plan's cap. What has no target, no data or data that is out of date has no score. The two lists are the ids
    of the five best that meet their target and of the five worst that do not.
    """
    shown = list(figures)
    scores = {one.kpi.id: score for one in shown if (score := _score(one)) is not None}
    ranked = sorted(scores, key=lambda name: (scores[name], name))
    return {
        "score": _mean(list(scores.values())),
        "capped": _mean([min(score, Fraction(cap)) for score in scores.values()]),
        "metrics": [_metric(one, scores) for one in shown],
        "exceeding": [name for name in reversed(ranked) if scores[name] >= 1][:LISTED],
        "following_up": [name for name in ranked if scores[name] < 1][:LISTED],
    }


def _score(figure: Figure) -> Fraction | None:
    return None if figure.attainment is None or figure.status == STALE else Fraction(*figure.attainment)


def _metric(figure: Figure, scores: Mapping[str, Fraction]) -> Row:
    score = scores.get(figure.kpi.id)
    return {
        "id": figure.kpi.id,
        "title": figure.kpi.title.en,
        "direction": figure.kpi.polarity,
        "value": figure.value,
        "unit": figure.kpi.unit,
        "score": None if score is None else _text(score),
        "status": figure.status,
    }


def _mean(scores: list[Fraction]) -> str | None:
    return _text(sum(scores, Fraction(0)) / len(scores)) if scores else None


def _text(score: Fraction) -> str:
    """Cut to two places: 0.9999 is 0.99 and not yet 1."""
    return decimal_text(score.numerator * 10**PLACES // score.denominator, PLACES)
