"""The NATS server's configuration as text."""

import pytest
from citygoals.shared.natsconf import Listening, server_conf, users_conf
from citygoals.shared.topology import ADMIN, SERVICES


def test_every_acknowledged_message_is_synced_and_monitoring_stays_on_this_machine() -> None:
    text = server_conf("one", Listening("0.0.0.0", 4222, 8222), "/data")
    assert "sync_interval: always" in text
    assert 'http: "127.0.0.1:8222"' in text
    for word in ("no_auth_user", "websocket", "mqtt", "leafnodes"):
        assert f"{word} " not in text
        assert f"{word}:" not in text


def test_users_get_their_lists_and_nothing_else() -> None:
    text = users_conf({"intake": "p1", "sys-demo": "p2"})
    intake, demo = [line for line in text.splitlines() if "user:" in line]
    assert '"city.evt.v1.>"' in intake
    assert "allow_responses" in intake
    assert '"city.raw.demo.>"' in demo
    assert "allow_responses" not in demo
    assert "deny" not in text


def test_a_password_cannot_break_out_of_its_quotes() -> None:
    text = users_conf({"intake": 'a"b\\c}'})
    assert r'password: "a\"b\\c}"' in text


def test_a_folder_may_have_any_name() -> None:
    text = server_conf("one", Listening("::", 4222, 8222), "/año/\udcff\n")
    assert r'store_dir: "/a\xc3\xb1o/\xff\x0a"' in text


def test_unknown_users_are_refused() -> None:
    with pytest.raises(ValueError, match="no such NATS user"):
        users_conf({"mallory": "x"})


def test_only_services_that_answer_may_answer() -> None:
    lines = users_conf(dict.fromkeys((ADMIN, *SERVICES), "x")).splitlines()
    answering = [line.split('"')[1] for line in lines if "allow_responses" in line]
    assert answering == ["intake", "kpi"]
