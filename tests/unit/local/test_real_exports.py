"""The real city files give exactly the events that the contract promises."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from citygoals.local.departments import load_departments
from citygoals.local.open311 import CLOSED, OPENED, events_of
from citygoals.local.record_files import read_records
from citygoals.local.unusable import Unusable

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def city_files() -> Path:
    folder = os.environ.get("CITYGOALS_REAL_DATA", "")
    if not folder:
        pytest.skip("NOT RUN: CITYGOALS_REAL_DATA is not set, so there is no real city data to read")
    return Path(folder).resolve()


def converted(path: Path) -> tuple[Counter[str], Counter[str], set[str]]:
    """How many events of each type, how many records left out for what, and all ids."""
    types, skipped, ids = Counter[str](), Counter[str](), set[str]()
    departments = load_departments(None)
    for record in read_records(path):
        try:
            for event in events_of(record.fields, system="open311", departments=departments):
                types[event["type"]] += 1
                ids.add(event["id"])
        except Unusable as reason:
            skipped[str(reason)] += 1
    return types, skipped, ids


def test_the_whole_export(city_files: Path) -> None:
    types, skipped, ids = converted(city_files / "boston_open311_2008_2016.csv.xz")
    assert types == {OPENED: 138_736, CLOSED: 126_929}
    assert not skipped
    assert len(ids) == 265_665


def test_whole_wire_objects(city_files: Path) -> None:
    types, skipped, _ = converted(city_files / "boston_open311_wire_sample.json.xz")
    assert types == {OPENED: 474, CLOSED: 419}
    assert not skipped


def test_redeliveries_and_objects_without_an_id(city_files: Path, tmp_path: Path) -> None:
    seen = json.loads((city_files / "boston_open311_redelivery.json").read_text())
    pairs = [copy for pair in seen["same_id_changed_between_scrapes"] for copy in (pair["second"], pair["first"])]
    path = tmp_path / "scrapes.json"
    path.write_text(json.dumps(pairs + seen["no_service_request_id"]))
    types, skipped, ids = converted(path)
    assert skipped == {"no service_request_id": 7}
    assert types[OPENED] == 34
    opened = {(copy["service_request_id"], copy["requested_datetime"]) for copy in pairs}
    closed = {(copy["service_request_id"], copy["updated_datetime"]) for copy in pairs if copy["status"] == "closed"}
    assert len(ids) == len(opened) + len(closed)
