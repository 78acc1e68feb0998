"""Lints over the source: what must never be written again, whoever writes it. The README of tests/conformance says why."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from citygoals.shared.faststream import make_broker, subscribe
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import CONSUMERS
from faststream import AckPolicy

ROOT = Path(__file__).parents[2]
MEMBERS = ("shared", "services/intake", "services/kpi", "services/notify", "services/reporting", "deploy/local")
SOURCES = sorted(path for member in MEMBERS for path in (ROOT / member / "src").rglob("*.py"))
SHARED = ROOT / "shared/src/citygoals/shared"
BUS = {SHARED / f"{name}.py" for name in
       ("batches", "bus", "connection", "delivery", "faststream", "lean", "publishing", "topology")}  # fmt: skip
PROVISIONERS = {ROOT / "deploy/local/src/citygoals/local/servers.py"}  # they run `topology.provision`


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{item.name}" for item in node.names)}
    return found


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_there_is_no_namespace_package_init() -> None:
    for member in MEMBERS:
        assert not (ROOT / member / "src/citygoals/__init__.py").exists(), "it would hide every other member"


def test_only_the_bus_imports_nats() -> None:
    guilty = [named(path) for path in SOURCES if path not in BUS | PROVISIONERS
              if any(name == "nats" or name.startswith("nats.") for name in imports(path))]  # fmt: skip
    assert guilty == []


def test_only_the_bus_publishes() -> None:
    """A broker's `publish` without a stream is core NATS: nobody acknowledges, nobody notices."""
    for path in SOURCES:
        for call in calls(path):
            if name_of(call) == "publish" and isinstance(call.func, ast.Attribute):
                owner = ast.unparse(call.func.value)
                if "broker" in owner:
                    assert {"stream"} <= {word.arg for word in call.keywords}, f"{named(path)}:{call.lineno}"


def test_streams_are_never_declared_by_readers() -> None:
    for path in SOURCES:
        for call in calls(path):
            if name_of(call) == "JStream":
                declares = [word.value for word in call.keywords if word.arg == "declare"]
                assert [ast.unparse(value) for value in declares] == ["False"], f"{named(path)}:{call.lineno}"


def test_batches_do_not_go_through_faststream() -> None:
    """More than one at a time runs handlers side by side, out of order."""
    for path in SOURCES:
        for call in calls(path):
            if name_of(call) == "PullSub":
                words = {word.arg: ast.unparse(word.value) for word in call.keywords}
                assert words.get("batch_size") == "1", f"{named(path)}:{call.lineno}"
                assert "batch" not in words


def test_nothing_fetches() -> None:
    """nats-py's `fetch` stalls on lost requests and costs more than everything else a consumer does."""
    assert not [named(path) for path in SOURCES if re.search(r"pull_subscribe\(|\.fetch\(batch", path.read_text())]


def test_connections_never_give_up() -> None:
    for path in SOURCES:
        text = path.read_text()
        if "NatsBroker(" in text or "LeanClient()" in text:
            assert re.search(r"max_reconnect_attempts\W+-1", text), named(path)
            assert "closed_cb" in text or "on_closed" in text, named(path)


def test_no_exception_middleware() -> None:
    assert not [named(path) for path in SOURCES if "ExceptionMiddleware" in path.read_text()]


def test_no_try_it_out() -> None:
    for path in SOURCES:
        for call in calls(path):
            if name_of(call) == "AsyncAPIRoute":
                words = {word.arg: ast.unparse(word.value) for word in call.keywords}
                assert words.get("try_it_out_path") == "None", f"{named(path)}:{call.lineno}"


def test_only_make_broker_makes_brokers() -> None:
    makers = [named(path) for path in SOURCES for call in calls(path) if name_of(call) == "NatsBroker"]
    assert makers == ["shared/src/citygoals/shared/faststream.py"]


def test_identity_is_source_and_id() -> None:
    """FastStream's own message id is a header that nobody here sets."""
    assert not [named(path) for path in SOURCES if re.search(r"\.message_id\b|\.correlation_id\b", path.read_text())]


def test_every_subscriber_naks_on_error() -> None:
    broker = make_broker(ServiceSettings(pg_dsn="postgresql://nowhere"), "test")

    async def handler(_: object) -> None:
        return

    for spec in CONSUMERS:
        subscribe(broker, spec.durable)(handler)
    assert len(broker.subscribers) == len(CONSUMERS)
    for subscriber in broker.subscribers:
        assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR


def test_no_error_is_swallowed() -> None:
    """An except clause for everything must do something: log, raise, or answer."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception"):
                is_empty = all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
                assert not is_empty, f"{named(path)}:{node.lineno}"


def test_there_is_no_float_in_kpi() -> None:
    for path in SOURCES:
        if "services/kpi/" in named(path):
            for call in calls(path):
                assert name_of(call) != "float", f"{named(path)}:{call.lineno}"


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "manager", "base"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert not [named(path) for path in SOURCES if path.stem == word]


def test_modules_stay_small() -> None:
    long = {named(path): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > 250}
    assert long == {}


def test_functions_stay_small() -> None:
    long = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 60:
                    long[f"{named(path)}:{node.name}"] = lines
    assert long == {}


def test_the_table_of_traps_names_tests_that_exist() -> None:
    table = (ROOT / "tests/conformance/README.md").read_text()
    assert len(re.findall(r"^\| \d+ \|", table, re.MULTILINE)) == 16
    for file, test in re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", table):
        (path,) = (ROOT / "tests").rglob(file)
        assert not test or f"def {test}(" in path.read_text(), f"{file}::{test}"


def test_every_service_says_how_much_a_body_may_have() -> None:
    """A framework collects a body before any dependency can look at it, and the caller need not have a key."""
    for path in SOURCES:
        made = [name_of(call) for call in calls(path)]
        if "FastAPI" in made:
            limits = [call for call in calls(path) if name_of(call) == "add_middleware" and call.args]
            assert [ast.unparse(call.args[0]) for call in limits] == ["BodyLimit"] * made.count("FastAPI"), named(path)
