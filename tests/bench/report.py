"""The figures of a run as one table, with the floors and milestones that they are held against."""

from statistics import median

Figures = dict[str, dict[str, list[float]]]

# First milestones of the project: what a figure is to reach, and in which direction.
MILESTONES = {
    ("kpi stage, city", "events/s"): (25_000, "at least"),
    ("kpi stage, city", "CPU us/event"): (45, "at most"),
    ("rebuild", "events/s"): (50_000, "at least"),
    ("Boston rebuilt", "events/s"): (50_000, "at least"),
    ("door to snapshot", "events/s"): (5_800, "at least"),
    ("freshness", "p50 ms"): (25, "at most"),
    ("freshness", "p99 ms"): (100, "at most"),
}
MEMORY_MB = 150

# Which floor of the same run a rate is divided by.
FLOORS = {
    "kpi stage, payments": "COPY into a ledger",
    "kpi stage, requests": "COPY into a ledger",
    "kpi stage, city": "COPY into a ledger",
    "rebuild": "COPY into a ledger",
    "Boston rebuilt": "COPY into a ledger",
    "Boston": "publish, 2,000 in flight",
    "door to snapshot": "publish, 2,000 in flight",
}


def add(figures: Figures, section: str, measured: dict[str, float]) -> None:
    """Keep one round's measurements."""
    for name, value in measured.items():
        figures.setdefault(section, {}).setdefault(name, []).append(value)


def table(figures: Figures) -> str:
    """Markdown: median, every round, ratio to a floor of the same run, milestone."""
    lines = ["| what | figure | median | rounds | of the floor | milestone |", "|---|---|---|---|---|---|"]
    for section, rows in figures.items():
        lines += [_row(figures, section, name, values) for name, values in rows.items()]
    return "\n".join(lines)


def _row(figures: Figures, section: str, name: str, values: list[float]) -> str:
    shown = _number(median(values))
    rounds = " ".join(_number(value) for value in values)
    return f"| {section} | {name} | {shown} | {rounds} | {_ratio(figures, section, name)} | {_goal(section, name, values)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(figures: Figures, section: str, name: str) -> str:
    floor = FLOORS.get(section)
    if name != "events/s" or floor is None:
        return ""
    return f"{median(figures[section][name]) / median(figures['floor'][floor]):.2f} of {floor}"


def _goal(section: str, name: str, values: list[float]) -> str:
    if section.startswith("memory"):
        if name in {"nats", "postgres"}:
            return ""
        return f"at most {MEMORY_MB}: {'met' if max(values) <= MEMORY_MB else 'MISSED'}"
    if (section, name) in MILESTONES:
        goal, word = MILESTONES[section, name]
    else:
        return ""
    met = median(values) >= goal if word == "at least" else median(values) <= goal
    return f"{word} {goal:,.0f}: {'met' if met else 'MISSED'}"
