"""`citygoals up`, `down`, `status`: ports, signals, kills, orphans, damaged files, root and ordinary users."""

import json
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from citygoals.local.city_dir import CityDir
from citygoals.local.processes import identity_of, is_alive, read_pidfile
from e2e.city import CLI, City, event, running_city
from patience import PATIENCE_S, busyness, wait_for, within
from ports import free_port_base

NAMES = {"reporting", "intake", "kpi", "notify", "nats", "postgres"}
OFFSETS = {"reporting": 0, "intake": 1, "kpi": 2, "notify": 3, "nats": 22, "postgres": 32}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One city for the tests that leave it as it was, in a folder of an uneasy name."""
    with running_city(tmp_path_factory.mktemp("up") / "Año nuevo 市" / "data") as city:
        yield city


@pytest.fixture
def own(tmp_path: Path) -> Iterator[City]:
    """A city of one's own, to be maltreated; not started yet."""
    city = City(folder=tmp_path / "data", port_base=free_port_base())
    yield city
    city.down()


def payment(city: City, number: int) -> dict[str, object]:
    data = {
        "payment_id": f"p{number}", "department": "municipal-court", "service_code": "citation", "channel": "web",
        "amount_minor": 100, "currency": "USD",
    }  # fmt: skip
    return event(city, "payment.settled", f"p{number}", "2026-11-20T10:00:00-07:00", data)


def supervisor(city: City) -> int:
    identity = read_pidfile(CityDir(city.folder).pidfile("up"))
    assert identity is not None
    return identity.pid


def left_running(city: City) -> list[str]:
    """Everything that was started from the city's folder and still runs."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(city.folder).encode() in words and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_endpoints_are_the_contracts(up: City) -> None:
    path = up.folder / "endpoints.json"
    assert path.stat().st_mode & 0o777 == 0o600
    said = json.loads(path.read_text())
    assert set(said) == {"reporting", "intake", "kpi", "notify", "nats", "postgres", "credentials"}
    for name, offset in OFFSETS.items():
        assert f":{up.port_base + offset}" in said[name]
    assert set(said["credentials"]) == {"publisher", "analyst", "staff", "admin"}
    assert set(said["credentials"]["publisher"]) == {"system", "key", "nats_user", "nats_password", "nats_inbox"}
    assert said["credentials"]["publisher"]["system"] == "demo"


def test_everything_is_ready(up: City) -> None:
    for name in ("reporting", "intake", "kpi", "notify"):
        assert httpx.get(f"{up.endpoints[name]}/ready").status_code == 200
        assert httpx.get(f"{up.endpoints[name]}/live").status_code == 200


def test_status_says_what_runs(up: City) -> None:
    processes = up.processes()
    assert set(processes) == NAMES
    for name, process in processes.items():
        assert process == {
            "name": name, "pid": process["pid"], "port": up.port_base + OFFSETS[name], "ready": True, "restarts": 0,
        }  # fmt: skip
        assert identity_of(process["pid"]) is not None
    text = up.cli("status", "--data", str(up.folder)).stdout
    assert all(name in text for name in NAMES)


def test_the_sample_plan_is_there_and_no_events(up: City) -> None:
    snapshot = up.get("/v1/snapshot", period="all")
    assert snapshot["totals"]["events"] == 0
    assert {kpi["id"] for kpi in snapshot["kpis"]} >= {"MC-01", "FIN-02", "SR-08", "SR-09", "SR-10"}
    assert len(snapshot["departments"]) >= 26
    assert snapshot["nodes"]


def test_secrets_are_private_and_not_in_process_lists(up: City) -> None:
    folder = CityDir(up.folder)
    assert folder.secrets.stat().st_mode & 0o777 == 0o700
    secrets = {path.read_text().strip() for path in folder.secrets.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in folder.secrets.iterdir()} == {0o600}
    for process in up.processes().values():
        line = Path(f"/proc/{process['pid']}/cmdline").read_text()
        assert not any(secret in line for secret in secrets)


def test_a_second_up_says_who_runs(up: City) -> None:
    done = up.cli("up", "--data", str(up.folder), "--port-base", str(free_port_base()), "--detach", check=False)
    assert done.returncode == 1
    assert f"already up (pid {supervisor(up)})" in done.stderr
    assert up.get("/v1/snapshot")


def test_a_taken_port_is_named_and_nothing_stays(own: City) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", own.port_base + OFFSETS["kpi"]))
        listener.listen()
        done = own.cli("up", "--data", str(own.folder), "--port-base", str(own.port_base), "--detach", check=False)
    assert done.returncode == 1
    assert f"{own.port_base + OFFSETS['kpi']} (kpi)" in done.stderr
    assert "--port-base" in done.stderr
    assert left_running(own) == []


def test_wrong_settings_are_all_named_and_nothing_stays(own: City) -> None:
    own.environment = {"CITYGOALS_ZONE": "Mars/X", "CITYGOALS_BODY_BYTES_MAX": "x", "CITYGOALS_SMTP_PORT": "0"}
    done = own.cli("up", "--data", str(own.folder), "--port-base", str(own.port_base), "--detach", check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert all(name in done.stderr for name in own.environment)
    assert left_running(own) == []


def test_ctrl_c_stops_everything_within_ten_seconds(own: City) -> None:
    command = [str(CLI), "up", "--data", str(own.folder), "--port-base", str(own.port_base), "--no-demo"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    while "dashboard" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    assert f"http://127.0.0.1:{own.port_base}" in said
    with within(10, "stopping everything"):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    process.stdout.close()
    assert left_running(own) == []
    assert own.cli("status", "--data", str(own.folder), check=False).returncode == 1
    with within(5, "saying that the city is stopped"):
        asked = own.cli("publish", "/dev/null", "--data", str(own.folder), check=False)
    assert (asked.returncode, "citygoals up" in asked.stderr) == (1, True)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("", signal.SIGINT),  # while Python itself starts
        ("logs/kpi.log", signal.SIGTERM),
        ("postgres/*", signal.SIGINT),
        ("logs/nats.log", signal.SIGTERM),
    ],
)
def test_a_start_can_be_broken_off_at_any_time(own: City, moment: str, number: signal.Signals) -> None:
    command = [str(CLI), "up", "--data", str(own.folder), "--port-base", str(own.port_base), "--no-demo"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if moment:
        wait_for(lambda: any(own.folder.glob(moment)), what=moment, pause_s=0.01)
    time.sleep(0.3)
    with within(10, "breaking off"):
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE_S)[1]
    assert "Traceback" not in said or not moment, "only Python's own start may say it in its own words"
    assert left_running(own) == []


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and its finished children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def up_in_five_seconds(city: City) -> None:
    """Start a city whose folder is initialised."""
    started = time.monotonic()
    city.up()
    took = time.monotonic() - started
    used = sum(cpu_s(process["pid"]) for process in city.processes().values()) + cpu_s(supervisor(city))
    print(f"up on an initialised folder: {took:.1f} s, {used:.1f} s of CPU, load {os.getloadavg()[0]:.1f}")
    # It waits for nothing but the CPU: on two cores that take five seconds for it at most, and longer where they are slow.
    assert took < max(5.0, used) * busyness()
    assert used < 10 * cost_of_an_import()


def cost_of_an_import() -> float:
    """Seconds of CPU that this machine takes to load one service: the measure of what a whole city may cost."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import citygoals.reporting.app"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_data_survives_every_way_of_ending(own: City) -> None:
    own.up()
    first = own.publish([payment(own, number) for number in range(500)])
    assert first["accepted"] == 500
    before = own.wait_for_events(500)

    own.down()
    assert left_running(own) == []
    up_in_five_seconds(own)
    assert own.wait_for_events(500)["kpis"] == before["kpis"]

    children = [identity_of(process["pid"]) for process in own.processes().values()]
    os.kill(supervisor(own), signal.SIGKILL)
    own.up()
    assert not any(is_alive(child) for child in children if child is not None)
    after = own.wait_for_events(500)
    assert (after["kpis"], after["totals"]) == (before["kpis"], before["totals"])
    assert own.publish([payment(own, number) for number in range(501)])["duplicates"] == 500
    own.wait_for_events(501)


@pytest.mark.fault
def test_the_supervisor_killed_under_load_loses_nothing(own: City, tmp_path: Path) -> None:
    own.up()
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(payment(own, number)) + "\n" for number in range(12_000)))
    command = [str(CLI), "publish", str(path), "--data", str(own.folder), "--json"]
    publishing = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    own.wait_for_events(2000)
    os.kill(supervisor(own), signal.SIGKILL)
    own.up()
    receipt = json.loads(publishing.communicate(timeout=200)[0])
    assert receipt["rejected"] == []
    assert receipt["accepted"] + receipt["duplicates"] == 12_000
    totals = own.wait_for_events(12_000)["totals"]
    assert totals == {"events": 12_000, "by_type": {"city.payment.settled.v1": 12_000}}
    assert "identical" in own.cli("kpi", "rebuild", "--verify", "--data", str(own.folder)).stdout


def is_another(city: City, name: str, pid: int) -> bool:
    """Whether another process has the name now, as `status` would say, without the second that starting that takes."""
    status = json.loads(CityDir(city.folder).status.read_text())
    (process,) = [process for process in status["processes"] if process["name"] == name]
    return process["pid"] not in (None, pid)


def test_what_is_killed_is_back(own: City) -> None:
    own.up()
    for count, name in enumerate(("intake", "nats", "postgres"), start=1):
        pid = own.processes()[name]["pid"]
        with within(2, f"starting {name} again"):
            os.kill(pid, signal.SIGKILL)
            wait_for(partial(is_another, own, name, pid), pause_s=0.02)
        wait_for(lambda: all(process["ready"] for process in own.processes().values()), what="the city")
        assert own.processes()[name]["restarts"] == 1
        assert own.publish([payment(own, count)])["accepted"] == 1
        own.wait_for_events(count)


def test_damaged_files_cost_nothing(own: City) -> None:
    own.up()
    own.publish([payment(own, 1)])
    own.wait_for_events(1)
    (own.folder / "endpoints.json").write_text('{"reporting": "http:')
    done = own.cli("publish", "/dev/null", "--data", str(own.folder), check=False)
    assert done.returncode == 1
    assert "damaged" in done.stderr
    CityDir(own.folder).status.write_text("")
    assert own.cli("status", "--data", str(own.folder), check=False).returncode == 1
    own.down()
    own.up()
    own.wait_for_events(1)
    assert own.publish([payment(own, 1)])["duplicates"] == 1


def test_down_without_a_city_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(CLI), "down", "--data", str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "nothing runs" in done.stdout


def ordinary_python() -> list[str]:
    """Return an interpreter that any user of this machine can run, with this environment's packages."""
    for path in (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")):
        if (
            path is not None
            and subprocess.run(_as_nobody(path, "-c", ""), capture_output=True, check=False).returncode == 0
        ):
            return [path]
    pytest.skip("NOT RUN: no Python of this version that an ordinary user of this machine may run")


def _as_nobody(*words: str) -> list[str]:
    user = pwd.getpwnam("nobody")
    # Through sh: setpriv itself would still look programs up with root's rights.
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "sh",
        "-c",
        'exec "$@"',
        "-",
        *words,
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as an ordinary user already")
def test_an_ordinary_user_can_run_a_city_in_a_private_folder(tmp_path: Path) -> None:
    python = ordinary_python()
    home = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    try:
        shutil.chown(home, "nobody")
        home.chmod(0o700)
        base = free_port_base()
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "HOME": str(home),
        }
        words = [*python, "-m", "citygoals.local"]
        common = ["--data", str(home / "city")]
        up = subprocess.run(
            _as_nobody(*words, "up", *common, "--port-base", str(base), "--detach"),
            capture_output=True, text=True, env=environment, cwd=home, check=False, timeout=250,
        )  # fmt: skip
        try:
            assert up.returncode == 0, up.stderr
            assert httpx.get(f"http://127.0.0.1:{base}/v1/snapshot").status_code == 200
        finally:
            down = subprocess.run(
                _as_nobody(*words, "down", *common),
                capture_output=True,
                text=True,
                env=environment,
                cwd=home,
                check=False,
            )
        assert down.returncode == 0, down.stderr
    finally:
        shutil.rmtree(home)
