"""The city in containers: built, started, used through its doors, hurt, and taken away again."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from patience import PATIENCE_S, wait_for
from ports import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
COMPOSE = Path(sys.executable).with_name("docker-compose")
BASE_IMAGES = ("python:3.13-slim", "nats:2.15-alpine", "postgres:18-alpine")
SERVICES = ("reporting", "intake", "kpi", "notify")
ONE_SHOT = ("render", "migrate", "sample")


def why_no_engine() -> str:
    """Return why containers cannot be tried here, or nothing if they can."""
    told = os.environ.get("CITYGOALS_CONTAINERS_NOT_RUN", "")
    if told:
        return told
    if shutil.which("docker") is None:
        return "no Docker on this machine; deploy/engine/up.sh installs it"
    # By the client, not the library: that one leaves its socket open when nobody answers.
    asked = subprocess.run(["docker", "image", "inspect", *BASE_IMAGES], capture_output=True, text=True, check=False)
    if asked.returncode:
        return f"{asked.stderr.strip().splitlines()[-1]}; deploy/engine/up.sh helps"
    return ""


@dataclass
class Stack:
    """The compose project."""

    project: str
    environment: dict[str, str]
    ports: dict[str, int]
    keys: dict[str, str] = field(default_factory=dict)

    def compose(self, *arguments: str, timeout: float = 600) -> str:
        done = subprocess.run(
            [str(COMPOSE), "-p", self.project, "-f", str(ROOT / "deploy" / "compose.yaml"), *arguments],
            env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(
                f"compose {' '.join(arguments)} -> {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
            )
        return done.stdout

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def get(self, service: str, path: str) -> Any:
        answer = httpx.get(self.url(service) + path, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()

    def wait_for_events(self, count: int) -> None:
        """Wait until so many events are read, whatever is away meanwhile."""

        def are_read() -> bool:
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                return bool(self.get("reporting", "/v1/snapshot?period=all")["totals"]["events"] >= count)
            return False

        wait_for(are_read, what=f"{count} events", timeout_s=2 * PATIENCE_S, pause_s=0.5)

    def publish(self, first: int, count: int) -> dict[str, Any]:
        """Send payments `first`.. through the door, again and again until there is a receipt."""
        batch = json.dumps([payment(number) for number in range(first, first + count)])
        headers = {
            "authorization": f"Bearer {self.keys['publisher-demo']}",
            "content-type": "application/cloudevents-batch+json",
        }

        def receipt() -> dict[str, Any]:
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.post(
                    f"{self.url('intake')}/v1/events", content=batch, headers=headers, timeout=PATIENCE_S
                )
                if answer.status_code == 202:
                    return dict(answer.json())
            return {}

        return wait_for(receipt, what="a receipt", timeout_s=2 * PATIENCE_S)


def payment(number: int) -> dict[str, Any]:
    data = {
        "payment_id": f"P{number}", "department": "municipal-court", "service_code": "citation",
        "channel": "web" if number % 4 else "counter", "amount_minor": 1_000 + number, "currency": "USD",
    }  # fmt: skip
    return {
        "specversion": "1.0", "id": f"pay-{number}", "source": "/systems/demo", "type": "city.payment.settled.v1",
        "subject": data["payment_id"], "time": datetime.now(UTC).isoformat(), "data": data,
    }  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> None:
    """An engine with the base images; else NOT RUN, or a failure where containers are required."""
    reason = why_no_engine()
    if reason and os.environ.get("CITYGOALS_REQUIRE_CONTAINERS") == "1":
        pytest.fail(f"containers are required: {reason}")
    if reason:
        pytest.skip(f"NOT RUN: {reason}")


@pytest.fixture(scope="module")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("compose")
    secrets = folder / "secrets"
    subprocess.run([str(ROOT / "deploy" / "secrets.sh"), str(secrets)], check=True)
    ports = {service: free_port() for service in SERVICES}
    environment = {f"CITYGOALS_{service.upper()}_PORT": str(port) for service, port in ports.items()}
    environment["CITYGOALS_SECRETS_DIR"] = str(secrets)
    built = Stack(f"citygoals-test-{os.getpid()}", environment, ports)
    try:
        built.compose("up", "--build", "--wait", "--wait-timeout", "300", timeout=900)
        built.keys = json.loads(built.compose("run", "--rm", "keys"))
        yield built
    except AssertionError:
        print(built.compose("logs", "--tail", "30"))
        raise
    finally:
        built.compose("--profile", "tools", "down", "--volumes", "--remove-orphans", "--timeout", "15")


@pytest.fixture(scope="module")
def containers(stack: Stack) -> dict[str, Any]:
    """Every container of the project as the engine describes it, by service."""
    with contextlib.closing(docker.from_env()) as client:
        mine = client.containers.list(all=True, filters={"label": f"com.docker.compose.project={stack.project}"})
        return {container.labels["com.docker.compose.service"]: container.attrs for container in mine}


def test_compose_file_is_valid() -> None:
    done = subprocess.run(
        [str(COMPOSE), "-f", str(ROOT / "deploy" / "compose.yaml"), "config", "-q"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_dockerfiles_follow_the_rules() -> None:
    files = [ROOT / "deploy" / "Dockerfile", *(ROOT / "deploy" / "engine").glob("*/Dockerfile")]
    done = subprocess.run([COMPOSE.with_name("hadolint"), *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(files) == 4


def test_every_container_has_the_least_rights(containers: dict[str, Any]) -> None:
    assert set(containers) >= {*SERVICES, *ONE_SHOT, "nats", "postgres"}
    for service, found in containers.items():
        host = found["HostConfig"]
        assert found["Config"]["User"] not in ("", "0", "root"), service
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert not host["CapAdd"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert not host["Privileged"], service
        assert host["Memory"] > 0, service
        assert host["PidsLimit"] > 0, service


def test_only_loopback_is_published(containers: dict[str, Any]) -> None:
    published = {
        (service, binding["HostIp"])
        for service, found in containers.items()
        for bindings in (found["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or ()
    }
    assert published == {(service, "127.0.0.1") for service in SERVICES}


def test_database_and_broker_have_no_way_out(stack: Stack) -> None:
    with contextlib.closing(docker.from_env()) as client:
        back = client.networks.get(f"{stack.project}_back")
        front = client.networks.get(f"{stack.project}_front")
        assert back.attrs["Internal"]
        inside = {found["Name"].split("-")[-2] for found in front.attrs["Containers"].values()}
    assert inside == set(SERVICES)


def test_no_secret_is_in_an_image_or_in_an_environment(stack: Stack, containers: dict[str, Any]) -> None:
    folder = Path(stack.environment["CITYGOALS_SECRETS_DIR"])
    secrets = [path.read_text().strip() for path in folder.iterdir() if path.stat().st_size]
    words = [secret.rpartition("@")[0].rpartition(":")[2] or secret for secret in secrets]
    with contextlib.closing(docker.from_env()) as client:
        images = [client.images.get(f"citygoals/{name}:dev") for name in (*SERVICES, "local")]
        told = json.dumps([[image.attrs, image.history()] for image in images]) + json.dumps(list(containers.values()))
    assert len(words) >= 12
    assert not [word for word in words if word in told]


def test_events_go_from_the_door_to_the_snapshot(stack: Stack) -> None:
    receipt = stack.publish(0, 40)
    assert (receipt["accepted"], receipt["rejected"]) == (40, [])
    stack.wait_for_events(40)
    snapshot = stack.get("reporting", "/v1/snapshot?period=all")
    online = next(figure for figure in snapshot["kpis"] if figure["id"] == "FIN-02")
    assert (online["numerator"], online["denominator"], online["events"]) == (30, 40, 40)


def test_a_service_that_dies_comes_back_and_nothing_is_lost_or_doubled(stack: Stack) -> None:
    before = stack.get("reporting", "/v1/snapshot?period=all")["totals"]["events"]
    assert before == 40
    stack.publish(40, 40)
    # Not `docker kill`: that counts as a wish, after which nobody starts it again.
    code = "import os, signal; [os.kill(int(p), signal.SIGKILL) for p in os.listdir('/proc') if p.isdigit() and int(p) > 1 and int(p) != os.getpid()]"
    stack.compose("exec", "-d", "kpi", "python", "-c", code)  # not awaited: it may go down with its container
    stack.publish(80, 40)
    stack.publish(0, 120)  # a careful publisher repeats everything
    stack.wait_for_events(120)
    time.sleep(2)
    snapshot = stack.get("reporting", "/v1/snapshot?period=all")
    online = next(figure for figure in snapshot["kpis"] if figure["id"] == "FIN-02")
    assert snapshot["totals"]["events"] == 120
    assert (online["numerator"], online["denominator"]) == (90, 120)
    with contextlib.closing(docker.from_env()) as client:
        assert client.containers.get(f"{stack.project}-kpi-1").attrs["RestartCount"] >= 1


def test_starting_again_changes_nothing(stack: Stack) -> None:
    stack.compose("up", "--wait", "--wait-timeout", "300")
    assert json.loads(stack.compose("run", "--rm", "keys")) == stack.keys
    assert stack.get("reporting", "/v1/snapshot?period=all")["totals"]["events"] == 120


def test_integration_tests_pass_on_containers_too(engine: None) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration/notify/test_store.py", "-k", "claim or finished"],
        cwd=ROOT, env={**os.environ, "TEST_BACKEND": "docker"}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
