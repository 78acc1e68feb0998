"""Checks of a running city: is everything ready, is nothing lost or late between its parts."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg

from citygoals.local.city_dir import CityDir, LocalError, read_json
from citygoals.local.client import City
from citygoals.local.doctor import Finding, base_of
from citygoals.local.ports import monitor_port
from citygoals.local.processes import UP, read_pidfile
from citygoals.local.supervisor import SERVICES
from citygoals.local.up_options import LOOPBACK

LAG_NOTED = 1000  # entries or positions; a busy city is always a few behind
CLOCK_APART_S = 2.0
_PATIENCE_S = 3.0
_SETTLE_S = 1.0
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def check_city(folder: CityDir) -> Iterator[Finding]:
    """Check a city that should be running."""
    if read_pidfile(folder.pidfile(UP)) is None:
        yield Finding("processes", "note", f"no city runs from {folder.root}", f"citygoals up --data {folder.root}")
        return
    yield from _processes(folder)
    if (folder.nats / "nats.conf").is_file():
        yield _nats(base_of(folder, 0))
    try:
        with City(folder.root, patience_s=_PATIENCE_S) as city:
            for service in SERVICES:
                yield _service(city, service)
            yield from asyncio.run(_database(city))
            yield _reporting(city, asyncio.run(_positions(str(city.endpoints["postgres"]))))
    except LocalError as error:
        yield Finding(
            "city", "wrong", str(error), "citygoals status shows what runs; the logs are in the folder's logs/"
        )


def _processes(folder: CityDir) -> Iterator[Finding]:
    for process in (read_json(folder.status) or {}).get("processes", []):
        name, again = process["name"], process["restarts"]
        if again:
            advice = f"see why in {folder.log(name)}"
            yield Finding(f"process {name}", "note", f"was started again {again} times", advice)


def _nats(base: int) -> Finding:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{monitor_port(base)}/varz", timeout=_PATIENCE_S) as answer:
            said: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        return Finding("nats", "wrong", f"its monitoring does not answer: {error}", "citygoals status; logs/nats.log")
    if not said.get("jetstream", {}).get("config", {}).get("sync_always"):
        advice = "an acknowledged message could be lost with the power: set sync_interval: always, restart NATS"
        return Finding("nats", "wrong", "it does not sync every message to disk", advice)
    return Finding("nats", "ok", f"{said.get('version')}, every message is synced to disk")


def _service(city: City, service: str) -> Finding:
    answer, why = city.once("GET", city.url(service) + "/ready", timeout=_PATIENCE_S)
    if answer is not None and answer.status_code == 200:
        return Finding(service, "ok", "ready")
    away = (_not_ready(answer.content) if answer is not None else "") or why
    return Finding(
        service, "wrong", f"not ready: {away}", f"logs/{service}.log says why; it is tried again all the time"
    )


def _not_ready(body: bytes) -> str:
    try:
        parts = json.loads(body)
    except ValueError:
        return ""
    return ", ".join(name for name, fine in parts.items() if fine is False) if isinstance(parts, dict) else ""


async def _database(city: City) -> list[Finding]:
    connection = await _connected(str(city.endpoints["postgres"]))
    try:
        settings = {name: await connection.fetchval(f"SHOW {name}") for name in _DURABLE}
        now: datetime = await connection.fetchval("SELECT clock_timestamp()")
        version = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    wrong = [f"{name} is {value}" for name, value in settings.items() if value != _DURABLE[name]]
    apart = abs((datetime.now(UTC) - now).total_seconds())
    return [
        Finding("postgres", "wrong", ", ".join(wrong), "a receipt would promise too much: switch them on")
        if wrong
        else Finding("postgres", "ok", f"{version}, every commit is synced to disk"),
        Finding("clocks", "wrong", f"this machine and the database are {apart:.1f} s apart", "keep both with NTP")
        if apart > CLOCK_APART_S
        else Finding("clocks", "ok", "this machine and the database agree"),
        *await _lanes(str(city.endpoints["postgres"])),
    ]


async def _lanes(dsn: str) -> list[Finding]:
    """Compare both ends of every lane; what differs is asked for once more, because a moving city is never quite level."""
    before = await _behind(dsn)
    if not any(before.values()):
        return [Finding("lanes", "ok", f"{len(before)} compared: the ledger has everything that the journal has")]
    await asyncio.sleep(_SETTLE_S)
    after = await _behind(dsn)
    found = []
    for lane, missing in after.items():
        said = f"the ledger is {missing:,} entries behind the journal"
        if missing < 0:
            advice = "the journal lost entries that the ledger has: was it restored from an older backup? Stop, and ask"
            found.append(Finding(f"lane {lane}", "wrong", said, advice))
        elif missing > LAG_NOTED and missing >= before.get(lane, 0):
            advice = "logs/intake.log and logs/kpi.log say what keeps them apart"
            found.append(Finding(f"lane {lane}", "wrong", said + " and does not catch up", advice))
        elif missing:
            found.append(Finding(f"lane {lane}", "ok", said))
    return found or [Finding("lanes", "ok", "level")]


async def _behind(dsn: str) -> dict[int, int]:
    connection = await _connected(dsn)
    try:
        rows = await connection.fetch(
            "SELECT journal.lane, journal.next_seq - coalesce(ledger.next_seq, 1) AS missing "
            "FROM intake.lane AS journal LEFT JOIN kpi.lane AS ledger USING (lane) ORDER BY lane"
        )
    finally:
        await connection.close()
    return {row["lane"]: row["missing"] for row in rows}


async def _positions(dsn: str) -> int:
    connection = await _connected(dsn)
    try:
        return int(await connection.fetchval("SELECT position FROM kpi.applier"))
    finally:
        await connection.close()


def _reporting(city: City, position: int) -> Finding:
    shown = int(city.ask("reporting", "/v1/snapshot")["as_of"]["position"])
    behind = position - shown
    if behind > LAG_NOTED:
        advice = "logs/reporting.log says what keeps it; it catches up by itself once it can"
        return Finding("reporting", "wrong", f"shows position {shown:,}, {behind:,} behind the ledger", advice)
    return Finding("reporting", "ok", f"shows position {shown:,} of {position:,}")


async def _connected(dsn: str) -> "asyncpg.Connection":
    try:
        return await asyncpg.connect(dsn, timeout=_PATIENCE_S)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LocalError(f"the database does not answer: {error or type(error).__name__}") from error
