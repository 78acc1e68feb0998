"""One event, one commit: the worked example of the KPI mathematics through the public doors."""

from typing import Any

import pytest
from e2e.city import City
from e2e.worked_example import let_happen, payment


@pytest.fixture(scope="module")
def example(city: City, tmp_path_factory: pytest.TempPathFactory) -> City:
    """6,399 court payments, 4,159 of them online, and one session with 93 of 100 places taken."""
    return let_happen(city, tmp_path_factory)


def figure(snapshot: dict[str, Any], kpi: str) -> tuple[int, int, str]:
    found = next(item for item in snapshot["kpis"] if item["id"] == kpi)
    return found["numerator"], found["denominator"], found["status"]


def node(snapshot: dict[str, Any], identity: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in snapshot["nodes"] if item["id"] == identity)
    return found


def test_the_worked_example(example: City) -> None:
    before = example.get("/v1/snapshot")
    assert figure(before, "MC-01") == (4159, 6399, "NEAR")
    assert node(before, "objective")["attainment"] == "0.976610568158"

    last = payment(example, 6399, online=True)
    example.publish([last])
    example.wait_for_events(6401)
    after = example.get("/v1/snapshot")
    assert figure(after, "MC-01") == (4160, 6400, "ON_TRACK")
    objective = node(after, "objective")
    assert objective["attainment"] == "0.976666666667"
    assert objective["coverage"] == {"numerator": 3, "denominator": 4}
    assert objective["status"] == "NEAR"
    assert after["as_of"]["position"] == before["as_of"]["position"] + 1

    then = example.get("/v1/snapshot", as_of=before["as_of"]["position"])
    assert (then["kpis"], then["nodes"]) == (before["kpis"], before["nodes"])
    moved = example.get("/v1/effects", role="analyst", source=last["source"], id=last["id"])
    assert (moved["previous"], moved["position"]) == (before["as_of"]["position"], after["as_of"]["position"])
    for kind, names in (("kpis", {"MC-01"}), ("nodes", {"objective", "city"})):
        told = {item["id"]: (item["before"], item["after"]) for item in moved[kind]}
        assert told.keys() >= names
        ends = [{item["id"]: item for item in snapshot[kind]} for snapshot in (before, after)]
        assert told == {name: (ends[0][name], ends[1][name]) for name in told}
