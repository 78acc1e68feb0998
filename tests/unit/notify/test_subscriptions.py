from pathlib import Path

import pytest
from citygoals.notify.subscriptions import load_subscriptions, read_subscriptions
from citygoals.shared.definition_file import InvalidFile

WRONG = """\
subscriptions:
  - id: a
    to: "x@y.z\\nBcc: q@r.s"
    on: crossing
    when: {reason: [x], after: [GOOD, NEAR], kind: []}
  - id: a
    to: "A <a@b.c>"
    langauge: es
    on: closings
  - id: c
    to: c@example.org
    on: closing
    when:
      request: [1042]
      reason: [resolved, whatever]
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InvalidFile) as caught:
        load_subscriptions(text, "subscriptions.yaml")
    assert {error["file"] for error in caught.value.errors} == {"subscriptions.yaml"}
    return [(error["line"], error["pointer"]) for error in caught.value.errors]


def test_every_mistake_is_named_with_its_line() -> None:
    assert problems(WRONG) == [
        (3, "/subscriptions/0/to"),
        (5, "/subscriptions/0/when/after/0"),
        (5, "/subscriptions/0/when/kind"),
        (5, "/subscriptions/0/when/reason"),
        (6, "/subscriptions/1/id"),
        (7, "/subscriptions/1/to"),
        (8, "/subscriptions/1/langauge"),
        (9, "/subscriptions/1/on"),
        (14, "/subscriptions/2/when/request/0"),
        (15, "/subscriptions/2/when/reason/1"),
    ]


@pytest.mark.parametrize(
    "text", ["", "- a", "subscriptions: 5", "subscriptions: [5]", "people: []", "a: [", "subscriptions:\n"]
)
def test_what_is_no_subscriptions_file_is_refused(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    "address",
    [
        "a@b@c.org",
        "a b@c.org",
        "@c.org",
        "a@",
        "a",
        "a@-c.org",
        "a@c..org",
        "a@c.org,d@e.org",
        "ñ@c.org",
        "a@c.org\r\n",
        '"a"@c.org',
    ],
)
def test_only_plain_addresses_are_taken(address: str) -> None:
    with pytest.raises(InvalidFile, match=r"plain mail address|String should"):
        load_subscriptions(f"subscriptions: [{{id: a, to: {address!r}, on: crossing}}]", "s.yaml")


def test_the_sample_is_valid_and_its_people_do_not_exist() -> None:
    sample = read_subscriptions(None)
    assert {subscription.on for subscription in sample} == {"crossing", "closing", "duty"}
    assert {subscription.language for subscription in sample} == {"en", "es"}
    assert all(subscription.to.endswith("@example.org") for subscription in sample)


def test_a_duty_has_its_own_facets_and_its_own_kinds() -> None:
    wrong = """\
subscriptions:
  - id: a
    to: a@example.org
    on: duty
    when: {kind: [kpi], stage: [soon], after: [NEAR]}
"""
    where = [pointer for _, pointer in problems(wrong)]
    assert where == [f"/subscriptions/0/when/{part}" for part in ("after", "kind/0", "stage/0")]
    right = wrong.replace("{kind: [kpi], stage: [soon], after: [NEAR]}", "{kind: [memo], stage: [today, overdue]}")
    assert load_subscriptions(right, "s.yaml")[0].on == "duty"


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"missing\.yaml"):
        read_subscriptions(tmp_path / "missing.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"# \xf1\nsubscriptions: []\n")
    with pytest.raises(InvalidFile, match="UTF-8"):
        read_subscriptions(latin)
