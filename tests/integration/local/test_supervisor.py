"""Real processes under the supervisor: started again when they die, stopped in order, never left behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from brokers import wait_until
from citygoals.local import child, nats_server, postgres_server
from citygoals.local.child import Child, Program, rotate
from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.processes import identity_of, is_alive, read_pidfile, write_pidfile
from citygoals.local.servers import nats_program, postgres_program
from citygoals.local.supervisor import STOP_LIMIT_S, Supervisor, stop_orphans
from citygoals.shared.natsconf import Listening
from citygoals.shared.topology import ADMIN
from patience import PATIENCE_S, wait_for, within
from ports import free_port

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


def python(name: str, code: str, **options: object) -> Program:
    return Program(name=name, command=(sys.executable, "-c", code), **options)  # type: ignore[arg-type]  # of the dataclass


@pytest.fixture
def folder(tmp_path: Path) -> CityDir:
    made = CityDir(tmp_path / "city")
    made.prepare()
    return made


@pytest.fixture
async def supervisor(folder: CityDir) -> AsyncIterator[Supervisor]:
    made = Supervisor(folder, {})
    yield made
    await made.stop()


async def kill(one: Child) -> None:
    """Kill it, and hold that another process has taken its place within two seconds."""
    old = one.pid
    assert old is not None
    with within(2, f"starting {one.program.name} again"):
        os.kill(old, signal.SIGKILL)
        await wait_until(lambda: one.pid not in (None, old))


@pytest.mark.parametrize("name", ["nats", "postgres"])
async def test_a_killed_server_is_back_within_two_seconds(folder: CityDir, supervisor: Supervisor, name: str) -> None:
    port, monitor = free_port(), free_port()
    if name == "nats":
        nats_server.prepare(folder.nats, Listening("127.0.0.1", port, monitor), {ADMIN: "secret"})
        program = nats_program(folder, port=port, monitor_port=monitor)
    else:
        postgres_server.prepare(folder.postgres, password="secret")
        program = postgres_program(folder, port=port, password="secret")
    await supervisor.start(program, PATIENCE_S)
    for restarts in (1, 2):
        await kill(supervisor[name])
        await supervisor[name].wait_ready(PATIENCE_S)
        assert supervisor[name].restarts == restarts


async def test_the_status_file_says_what_runs(folder: CityDir, supervisor: Supervisor) -> None:
    await supervisor.start(python("kpi", SLEEP, port=1234), PATIENCE_S)
    supervisor.announce()
    status = json.loads(folder.status.read_text())
    assert status["ready"] is True
    assert status["processes"] == [
        {"name": "kpi", "pid": supervisor["kpi"].pid, "port": 1234, "ready": True, "restarts": 0}
    ]


async def test_a_program_that_cannot_run_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(LocalError, match=r"(?s)kpi ended 3 times.*CITYGOALS_PORT: not a number"):
        await supervisor.start(
            python("kpi", "import sys; sys.exit('CITYGOALS_PORT: not a number')", probe=_never), PATIENCE_S
        )


async def test_a_program_that_is_never_ready_says_so(supervisor: Supervisor) -> None:
    with pytest.raises(LocalError, match="kpi did not become ready in time"):
        await supervisor.start(python("kpi", SLEEP, probe=_never), 0.2)


async def _never() -> bool:
    return False


async def test_a_program_that_is_done_is_not_started_again(folder: CityDir) -> None:
    one = Child(python("demo", "", finishes=True), folder, lambda: None)
    await one.start()
    await wait_until(lambda: one.pid is None)
    await asyncio.sleep(0.2)
    assert (one.pid, one.restarts) == (None, 0)
    await one.stop(1)


async def test_everything_stops_even_what_does_not_listen(folder: CityDir) -> None:
    supervisor = Supervisor(folder, {})
    await supervisor.start(python("kpi", SLEEP), PATIENCE_S)
    await supervisor.start(python("nats", STUBBORN), PATIENCE_S)
    while "deaf" not in folder.log("nats").read_text():
        await asyncio.sleep(0.01)
    pids = [supervisor[name].pid for name in ("kpi", "nats")]
    with within(STOP_LIMIT_S, "stopping"):
        await supervisor.stop()
    assert [identity_of(pid) for pid in pids if pid] == [None, None]
    assert list(folder.run.glob("*.pid")) == []


async def test_grandchildren_do_not_stay_behind(folder: CityDir) -> None:
    code = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); print(p.pid, flush=True); p.wait()"
    supervisor = Supervisor(folder, {})
    await supervisor.start(python("kpi", code), PATIENCE_S)
    while not folder.log("kpi").read_text().strip():
        await asyncio.sleep(0.01)
    grandchild = identity_of(int(folder.log("kpi").read_text()))
    await supervisor.stop()
    assert grandchild is not None
    await wait_until(lambda: not is_alive(grandchild))


def test_what_a_killed_supervisor_leaves_is_stopped_by_the_next(folder: CityDir) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLEEP])
    write_pidfile(folder.pidfile("kpi"), process.pid)
    folder.pidfile("notify").write_text(json.dumps({"pid": os.getpid(), "born": "long ago"}))
    folder.pidfile("intake").write_text("rubbish")
    assert stop_orphans(folder) == ["kpi"]
    assert process.wait(PATIENCE_S) == -signal.SIGTERM
    assert list(folder.run.glob("*.pid")) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's tie between parent and child is Linux's")
def test_children_end_when_their_supervisor_is_killed(folder: CityDir) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from citygoals.local.child import Program
from citygoals.local.city_dir import CityDir
from citygoals.local.supervisor import Supervisor
async def main():
    supervisor = Supervisor(CityDir(Path({str(folder.root)!r})), {{}})
    await supervisor.start(Program(name="kpi", command=(sys.executable, "-c", {SLEEP!r})), 5)
    print("started", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    one = read_pidfile(folder.pidfile("kpi"))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert one is not None
    wait_for(lambda: not is_alive(one), what="the end of the child", pause_s=0.01)


def test_logs_are_kept_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_BYTES_MAX", 10)
    log = tmp_path / "kpi.log"
    with log.open("ab") as writer:
        for number in range(5):
            writer.write(b"%d" % number * 20)
            writer.flush()
            rotate(log)
        assert log.read_bytes() == b""
        writer.write(b"next")
        writer.flush()
    assert log.read_bytes() == b"next"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kpi.log", "kpi.log.1", "kpi.log.2", "kpi.log.3"]
    assert (tmp_path / "kpi.log.1").read_bytes() == b"4" * 20
