"""One JSON line an event, no secrets."""

import json
import logging
import subprocess
import sys

import pytest
from citygoals.shared.logs import redact

PROGRAM = """
import logging, structlog
from citygoals.shared.logs import configure_logs
configure_logs("kpi", "info")
structlog.get_logger("a").info("batch applied", position=7, nats_password="hunter2", Authorization="Bearer hunter2")
structlog.get_logger("a").debug("too quiet")
logging.getLogger("asyncpg").warning("line one\\nline two \\x1b[31m")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("a").exception("failed")
"""


def test_lines_are_json_and_hold_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["batch applied", "line one\nline two \x1b[31m", "failed"]
    assert all(line["service"] == "kpi" and line["timestamp"].endswith("Z") for line in lines)
    assert lines[0]["position"] == 7
    assert "hunter2" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "ZeroDivisionError" in lines[2]["exception"]


@pytest.mark.parametrize("name", ["password", "pg_dsn", "API_KEY", "sessionToken", "client_secret", "Cookie"])
def test_fields_that_sound_like_secrets_are_blanked(name: str) -> None:
    assert redact(logging.getLogger(), "info", {name: "x", "event": "e"}) == {name: "***", "event": "e"}
