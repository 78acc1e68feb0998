"""Files of a city: private, whole or absent, and pidfiles that never name a stranger."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from citygoals.local.city_dir import CityDir, LocalError, read_json, write_json
from citygoals.local.endpoints import key_from_environment, read_endpoints
from citygoals.local.passwords import named, password, passwords, remember
from citygoals.local.ports import check_free, free_base, ports_of, taken
from citygoals.local.processes import identity_of, is_alive, read_pidfile, send, stop, write_pidfile


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    folder = CityDir(tmp_path / "city")
    folder.prepare()
    made = passwords(folder.secrets, "nats", ("kpi", "intake"))
    assert made == passwords(folder.secrets, "nats", ("kpi", "intake"))
    assert len(set(made.values())) == 2
    assert all(len(word) >= 43 for word in made.values())
    assert {path.stat().st_mode & 0o777 for path in folder.secrets.iterdir()} == {0o600}
    assert folder.secrets.stat().st_mode & 0o777 == 0o700
    assert named(folder.secrets, "nats") == ["intake", "kpi"]


def test_a_secret_can_be_replaced(tmp_path: Path) -> None:
    first = password(tmp_path, "x")
    remember(tmp_path, "x", "other")
    assert first != password(tmp_path, "x") == "other"


def test_files_are_written_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    write_json(path, {"a": "ñ"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_json(path) == {"a": "ñ"}
    assert [item.name for item in tmp_path.iterdir()] == ["endpoints.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "nothing", '{"a": 1', '{"credentials": 1}', '{"credentials": {"publisher": []}}'],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(text)
    with pytest.raises(LocalError, match="damaged"):
        read_endpoints(tmp_path)


def test_no_city_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="citygoals up --data"):
        read_endpoints(tmp_path / "nowhere")


def test_settings_name_a_city_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYGOALS_INTAKE_URL", "http://city:8801/")
    (tmp_path / "key").write_text("cg_x\n")
    monkeypatch.setenv("CITYGOALS_KEY_FILE", str(tmp_path / "key"))
    assert read_endpoints(tmp_path) == {"intake": "http://city:8801"}
    assert key_from_environment(os.environ) == "cg_x"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="choose another folder with --data"):
        CityDir(tmp_path / "file" / "city").prepare()


def test_ports_are_the_contracts() -> None:
    assert ports_of(8800) == {
        "reporting": 8800, "intake": 8801, "kpi": 8802, "notify": 8803, "nats": 8822, "postgres": 8832,
    }  # fmt: skip


@pytest.mark.parametrize("base", [0, -1, 65_504, 70_000])
def test_a_port_base_that_does_not_fit_is_refused(base: int) -> None:
    with pytest.raises(LocalError, match="--port-base"):
        ports_of(base)


def test_every_taken_port_is_named_at_once() -> None:
    with socket.socket() as one, socket.socket() as other:
        for listener in (one, other):
            listener.bind(("127.0.0.1", 0))
            listener.listen()
        port, inside = (listener.getsockname()[1] for listener in (one, other))
        said = rf"these ports are taken: {port} \(kpi\) on 0.0.0.0, {inside} \(postgres\) on 127.0.0.1\..*--port-base"
        with pytest.raises(LocalError, match=said):
            check_free(("0.0.0.0", {"kpi": port}), ("127.0.0.1", {"postgres": inside}))
        with pytest.raises(LocalError, match=rf"this port is taken: {port} \(kpi\) on 127.0.0.1"):
            check_free(("127.0.0.1", {"kpi": port}))
    check_free(("127.0.0.1", {"kpi": port}))


def test_free_ports_are_found() -> None:
    base = free_base("127.0.0.1")
    assert taken("127.0.0.1", ports_of(base)) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "no host", "a..b", "999.1.1.1"])
def test_an_address_that_is_not_ours_is_refused_and_its_ports_do_not_count_as_taken(host: str) -> None:
    with pytest.raises(LocalError, match=f"cannot listen on {re.escape(host)}:1234: .*--host"):
        check_free((host, {"kpi": 1234}))


def test_a_pidfile_names_only_the_process_that_it_was_written_for(tmp_path: Path) -> None:
    path = tmp_path / "kpi.pid"
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        write_pidfile(path, process.pid)
        identity = read_pidfile(path)
        assert identity is not None
        assert identity.pid == process.pid
        stranger = json.loads(path.read_text()) | {"born": "another"}
        (tmp_path / "stranger.pid").write_text(json.dumps(stranger))
        assert read_pidfile(tmp_path / "stranger.pid") is None
        stop(identity, signal.SIGTERM, grace_s=5)
        assert process.wait(5) == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()
    assert read_pidfile(path) is None
    assert send(identity, signal.SIGTERM) is False


def test_a_dead_child_that_nobody_has_reaped_counts_as_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    identity = identity_of(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identity is None or not is_alive(identity)
    process.wait()
