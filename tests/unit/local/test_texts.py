"""What the command line makes of plans, department maps, options and the city's own problem documents."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from citygoals.local.city_dir import LocalError, UsageError
from citygoals.local.client import City, explain
from citygoals.local.departments import load_departments
from citygoals.local.door import BATCH_BYTES_MAX, Item, Receipt, Rejection, in_batches
from citygoals.local.plan_text import differences, tree
from citygoals.local.publisher_keys import prefix_of
from citygoals.local.up_options import Options
from citygoals.shared.sample import load_sample


def node(identity: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": identity, "title": {"en": identity.title()}, "parent": parent, "weight": "1", "parents": [], **more}


def plan(**changes: Any) -> dict[str, Any]:
    nodes = [node("city"), node("goal-1", "city"), node("goal-2", "city", parents=[{"node": "goal-1", "weight": "1"}])]
    links = [{"kpi": "MC-01", "node": "goal-2", "weight": "2"}]
    return {"id": "p", "version": "1", "cap": "1.25", "tolerance": "0.05", "nodes": nodes, "links": links, **changes}


def test_a_plan_is_shown_as_a_tree_with_its_kpis() -> None:
    assert list(tree(plan())) == [
        "city  City",
        "  goal-1  Goal-1",
        "    goal-2  Goal-2  <- MC-01 (2)",
        "  goal-2  Goal-2  <- MC-01 (2)",
    ]


def test_a_crosswalk_and_tags_are_shown_and_compared() -> None:
    edge = {"from": "goal-1", "to": "goal-2", "weight": "1"}
    crossed = plan(crosswalk={"plan": "old", "version": "7", "edges": [edge]}, tags=[{"id": "resilience"}])
    assert list(tree(crossed))[-1] == "goal-1 of old 7 -> goal-2 (1)"
    assert differences(plan(), crossed) == ["+ tag resilience", "+ crosswalk goal-1 -> goal-2 (weight 1)"]
    assert differences(crossed, plan()) == ["- tag resilience", "- crosswalk goal-1 -> goal-2 (weight 1)"]


def test_the_sample_plan_has_a_tree() -> None:
    sample = load_sample()[0].model_dump(mode="json", by_alias=True)
    lines = list(tree(sample))
    assert {line.split()[0] for line in lines} == {item["id"] for item in sample["nodes"]}


def test_differences_between_plans() -> None:
    assert differences(plan(), plan()) == []
    links = [{"kpi": "MC-01", "node": "goal-2", "weight": "3"}, {"kpi": "SR-01", "node": "goal-1", "weight": "1"}]
    other = plan(version="2", nodes=[node("city"), node("goal-2", "city"), node("goal-3", "city")], links=links)
    assert differences(plan(), other) == [
        "version: 1 -> 2",
        "+ node goal-3  Goal-3",
        "- node goal-1  Goal-1",
        "~ node goal-2: parents [{'node': 'goal-1', 'weight': '1'}] -> []",
        "~ link MC-01 -> goal-2: weight 2 -> 3",
        "+ link SR-01 -> goal-1 (weight 1)",
    ]


def test_the_sample_map_says_that_it_is_ours() -> None:
    sample = load_departments(None)
    assert "ours" in sample.label
    assert sample.by_code["4f389210e75084437f0001de"] == "police"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "service_codes"),
        ("service_codes: {pothole: Streets}", "pothole: 'Streets' is not a department id"),
        ("service_codes: {pothole: [a]}", "not a department id"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_department_map_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(LocalError, match=said):
        load_departments(tmp_path / "map.yaml")


def test_a_department_map_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("service_codes:\n")
    assert load_departments(tmp_path / "map.yaml").by_code == {}


def test_addresses_follow_from_the_options() -> None:
    options = Options(data=Path("x"), port_base=9000)
    assert options.http("kpi") == "http://127.0.0.1:9002"
    assert (options.nats, options.nats_user("kpi")) == ("nats://127.0.0.1:9022", "kpi")
    assert Options(data=Path("x"), host="0.0.0.0").http("intake") == "http://127.0.0.1:8801"
    assert Options(data=Path("x"), host="::").http("intake") == "http://[::1]:8801"


def test_a_given_broker_is_used_with_its_own_user() -> None:
    options = Options(data=Path("x"), nats_url="nats://me:p%40ss@broker:4222")
    assert (options.nats, options.nats_given, options.nats_user("kpi")) == ("nats://broker:4222", ("me", "p@ss"), "me")


def test_options_that_mean_nothing_are_named_together_and_without_what_they_hold() -> None:
    options = Options(data=Path("x"), host=" ", nats_url="http://me:word@broker", pg_dsn="host=db password=word")
    with pytest.raises(UsageError, match=r"--host is empty(?s:.*)--nats-url must(?s:.*)--pg-dsn must") as caught:
        options.check()
    assert "word" not in str(caught.value)
    with pytest.raises(UsageError, match="--port-base"):
        Options(data=Path("x"), port_base=70_000).check()
    Options(data=Path("x"), host="::1", nats_url="nats://broker", pg_dsn="postgres://me@db/city").check()


@pytest.mark.parametrize("text", ["../x", "", "nope", "0123456789AB", "cg_admin_.x"])
def test_what_is_no_key_is_not_revoked(text: str) -> None:
    with pytest.raises(UsageError, match="citygoals keys list"):
        prefix_of(text)


def test_a_key_is_known_by_its_prefix() -> None:
    assert prefix_of("0123456789ab") == prefix_of("cg_admin_0123456789ab.secret") == "0123456789ab"


def test_problem_documents_are_explained_with_lines_and_advice() -> None:
    problem = {
        "title": "The file is not valid", "detail": "2 mistakes",
        "errors": [{"file": "plan.yaml", "line": 7, "pointer": "/nodes/0/id", "reason": "missing"}, {"pointer": "/x", "detail": "y"}],
    }  # fmt: skip
    said = explain(httpx.Response(422, json=problem))
    assert said == "The file is not valid\n2 mistakes\n  plan.yaml:7:/nodes/0/id: missing\n  /x: y"
    assert "citygoals keys" in explain(httpx.Response(401, json={"title": "Unauthorized"}))
    yaml = {"errors": [{"file": "plan.yaml", "line": 2, "pointer": "", "reason": "not YAML"}, {"detail": "z"}]}
    assert explain(httpx.Response(422, json=yaml)) == "status 422\n  plan.yaml:2: not YAML\n  z"
    assert explain(httpx.Response(500, text="<html>")) == "status 500"
    assert explain(httpx.Response(500, json=[1])) == "status 500"


def test_batches_keep_to_the_doors_limits() -> None:
    small = list(in_batches(Item(number, b"x") for number in range(2500)))
    assert [len(batch) for batch in small] == [1000, 1000, 500]
    large = list(in_batches(Item(number, b"x" * (BATCH_BYTES_MAX // 2)) for number in range(3)))
    assert [len(batch) for batch in large] == [1, 1, 1]
    assert list(in_batches(iter(()))) == []


def test_receipts_add_up() -> None:
    receipt = Receipt(1, 2, [Rejection(4, "a", "schema", ({"pointer": "/data/x", "detail": "missing"},))])
    receipt.add(Receipt(10, 20, [Rejection(9, None, "malformed", ())]))
    assert (receipt.accepted, receipt.duplicates, receipt.codes()) == (11, 22, {"schema": 1, "malformed": 1})
    assert [item.line() for item in receipt.rejected] == [
        "line 4: schema (a): /data/x missing",
        "line 9: malformed: refused",
    ]
    assert receipt.rejected[1].line("record") == "record 9: malformed: refused"
    assert [item["record"] for item in receipt.to_dict("record")["rejected"]] == [4, 9]


@pytest.mark.parametrize("address", ["intake", "ftp://x", "http://[::"])
def test_what_is_no_address_is_not_waited_for(address: str) -> None:
    with City({"intake": address}, key="x") as city, pytest.raises(LocalError, match="is not an address"):
        city.ask("intake", "/v1/keys", role="admin")


def test_an_unknown_address_or_key_says_what_to_give() -> None:
    with City({}) as city:
        with pytest.raises(LocalError, match="CITYGOALS_KPI_URL"):
            city.url("kpi")
        with pytest.raises(LocalError, match="--key-file"):
            city.key("admin")
