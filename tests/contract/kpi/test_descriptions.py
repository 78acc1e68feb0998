"""What kpi says on paper about its bus side is what its user may do and what it answers."""

from typing import Any

from citygoals.kpi.answers import handlers
from citygoals.kpi.bus_side import operations
from citygoals.shared import topology


def test_every_subject_that_kpi_sends_to_is_one_that_it_may_use() -> None:
    allowed = topology.permissions("kpi").publish
    sent = [operation.subject for operation in operations() if operation.action == "send"]
    assert [one for one in sent if not any(one.startswith(prefix.removesuffix(">")) for prefix in allowed)] == []


def test_every_question_that_kpi_answers_is_described() -> None:
    described = {one.subject for one in operations() if one.action == "receive" and one.reply is not None}
    nobody: Any = None  # they are made, and not asked
    assert handlers(nobody, nobody).keys() == described


def test_what_is_consumed_is_what_the_topology_has() -> None:
    (events,) = [one for one in operations() if one.durable is not None]
    spec = topology.consumer(events.durable or "")
    assert (spec.stream, spec.user) == (events.stream, "kpi")
