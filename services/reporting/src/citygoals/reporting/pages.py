"""The public pages: Jinja2 over the same dicts as the JSON API, so a page and the API can never disagree.

The seam with the rest of reporting, all of it:

- `app.py` calls `install_pages(app, model, calendar=..., clock=...)` once; it adds `/`, `/departments`, `/departments/{id}`,
  `/plan/{node}`, `/kpis/{id}`, `/static/...` to the application and touches nothing else.
- Every page asks `model.snapshot(period=..., plan=..., as_of=...)` (keyword arguments, `None` = default) and, for charts,
  `model.series(kpi_id, grain=..., first=..., last=..., by=..., as_of=...)`; it reads a KPI's definition from `model.kpi(kpi_id, ...)`.
- Unknown ids are `LookupError`, a wrong period or position is `ValueError`, a database that does not answer is `Unavailable`.
"""

from fastapi import FastAPI

from citygoals.reporting.readmodel import ReadModel
from citygoals.shared.clock import Clock
from citygoals.shared.period import CityCalendar


def install_pages(app: FastAPI, model: ReadModel, *, calendar: CityCalendar, clock: Clock) -> None:
    """Add the pages and their static files to the application."""
