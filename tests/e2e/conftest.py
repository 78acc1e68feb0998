"""The whole city, once for all end-to-end tests that only add to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.city import City, running_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A fresh city for each test module: sample plan and catalogue, no events."""
    with running_city(tmp_path_factory.mktemp("city") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real city data; without it the test says that it did not run."""
    folder = os.environ.get("CITYGOALS_REAL_DATA", "")
    if not folder:
        pytest.skip("NOT RUN: CITYGOALS_REAL_DATA is not set, so there is no real city data to read")
    return Path(folder).resolve()
