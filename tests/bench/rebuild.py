"""Rebuilding everything that the ledger has, with nothing else going on: entries a second, and that it is identical."""

import time
from typing import Any

import httpx
from e2e.city import City

POLL_S = 0.1


def measure(city: City) -> dict[str, float]:
    """Rate of one rebuild as kpi itself reports it, and how many cells it compared. Raises AssertionError if any differs."""
    headers = {"authorization": f"Bearer {city.endpoints['credentials']['staff']}"}
    with httpx.Client(base_url=city.endpoints["kpi"], headers=headers, timeout=60) as kpi:
        begun = kpi.post("/v1/rebuilds", json={"verify": True}).raise_for_status()
        where, done = begun.headers["location"], begun.json()
        while done["status"] == "running":
            time.sleep(POLL_S)
            done = kpi.get(where).raise_for_status().json()
    _check(done)
    return {"events/s": done["entries_per_s"], "entries": done["entries"], "cells": done["cells"]}


def _check(done: dict[str, Any]) -> None:
    assert done["status"] == "done", done["error"]
    assert done["identical"], done["differences"]
