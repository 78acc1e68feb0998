"""What reporting promises on paper is what it does: endpoints, parameters, the bus side."""

from typing import Any

from citygoals.reporting.api import install_api
from citygoals.reporting.bus_side import operations
from citygoals.shared import topology
from fastapi import FastAPI

LISTS = {"limit", "cursor"}
WHEN = {"period", "as_of"}
PROMISED = {
    "/v1/snapshot": WHEN | {"plan"},
    "/v1/kpis": WHEN | LISTS,
    "/v1/kpis/{kpi}": WHEN | {"kpi", "plan"},
    "/v1/kpis/{kpi}/series": {"control", "kpi", "grain", "from", "to", "by", "as_of"} | LISTS,
    "/v1/kpis/{kpi}/events": WHEN | {"kpi"} | LISTS,
    "/v1/effects": WHEN | {"source", "id", "plan"},
    "/v1/cityscore": WHEN,
    "/v1/what-if": set(),
    "/v1/plan": WHEN | {"plan"},
    "/v1/nodes/{node}": WHEN | {"node", "plan"},
    "/v1/departments": WHEN | LISTS,
    "/v1/departments/{department}": WHEN | {"department"},
    "/v1/live": {"last-event-id", "after"},
}


def test_the_openapi_document_names_every_promised_parameter() -> None:
    app = FastAPI()
    doors: Any = type("Doors", (), {"model": _nobody, "need_analyst": _nobody})()
    install_api(app, doors)
    described = app.openapi()["paths"]
    asked = {path: methods.get("get") or methods["post"] for path, methods in described.items()}
    assert {path: {one["name"] for one in method.get("parameters", ())} for path, method in asked.items()} == PROMISED
    assert all(method["summary"] for method in asked.values())


async def _nobody(_: object) -> None:
    raise AssertionError("nobody asks")


def test_every_subject_on_the_bus_is_one_that_reporting_may_use() -> None:
    allowed = topology.permissions("reporting").publish
    for operation in operations():
        if operation.action == "send":
            assert any(operation.subject.startswith(one.removesuffix(">")) for one in allowed), operation.subject
        else:
            spec = topology.consumer(operation.durable or "")
            assert (spec.filter_subject, spec.stream, spec.user) == (operation.subject, operation.stream, "reporting")
