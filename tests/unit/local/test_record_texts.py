"""Commitments and narratives on the command line: what is given is read exactly, what is shown says all of it."""

from pathlib import Path
from typing import Any

import pytest
from citygoals.local.city_dir import LocalError, UsageError
from citygoals.local.record_texts import commitment_lines, narrative_lines, read_targets, target_of

TARGET = {"kpi": "MC-01", "value": "0.80", "low": None, "high": None, "tolerance": "0.02", "note": "Two more counters"}
BAND = {"kpi": "MC-02", "value": None, "low": "0.95", "high": "1.05", "tolerance": None, "note": None}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("MC-01=0.80", {"kpi": "MC-01", "value": "0.80"}),
        ("MC-02=0.95..1.05", {"kpi": "MC-02", "low": "0.95", "high": "1.05"}),
        ("FIN-01=-0.1", {"kpi": "FIN-01", "value": "-0.1"}),
        ("FIN-01=-3..-1", {"kpi": "FIN-01", "low": "-3", "high": "-1"}),
    ],
)
def test_a_target_is_read_as_it_is_written(text: str, target: dict[str, str]) -> None:
    assert target_of(text) == target


@pytest.mark.parametrize(
    "text", ["", "MC-01", "MC-01=", "=0.8", "MC-01=0.8 %", "MC 01=0.8", "MC-02=0.95..", "MC-02=..1"]
)
def test_what_is_no_target_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"write MC-01=0.80"):
        target_of(text)


def test_numbers_of_a_file_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text("targets:\n  - {kpi: MC-01, value: 0.80, tolerance: 0.10}\n")
    assert read_targets(path) == [{"kpi": "MC-01", "value": "0.80", "tolerance": "0.10"}]
    path.write_text('[{"kpi": "MC-01", "value": "0.80"}]')
    assert read_targets(path) == [{"kpi": "MC-01", "value": "0.80"}]


@pytest.mark.parametrize("text", ["{", "a: [", "just words", "targets: 3", "\x00"])
def test_what_is_no_list_of_targets_is_refused_with_the_name_of_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(text)
    for one in (path, tmp_path / "none.yaml", tmp_path):
        with pytest.raises(LocalError, match=str(one)):
            read_targets(one)


def test_a_commitment_is_shown_with_everything_that_was_done() -> None:
    act: dict[str, Any] = {"at": "2026-09-01T12:00:00Z", "by": "Ann", "reason": None, "state": "signed", "changes": []}
    changes = [{"kpi": "MC-01", "before": None, "after": TARGET}, {"kpi": "MC-02", "before": BAND, "after": None}]
    history = [
        {**act, "what": "moved"}, {**act, "what": "amended", "reason": "Late portal", "changes": changes}
    ]  # fmt: skip
    one = {
        "department": "municipal-court", "fiscal_year": "FY2027", "state": "signed", "version": 2, "sample": True,
        "targets": [TARGET, BAND], "history": history, "legal": ["locked", "withdrawn"],
    }  # fmt: skip
    assert list(commitment_lines(one)) == [
        "municipal-court, FY2027: signed, version 2, a sample that nobody has made",
        "  MC-01      0.80 (tolerance 0.02) Two more counters",
        "  MC-02      0.95..1.05",
        "history:",
        "  2026-09-01T12:00:00Z moved to signed by Ann",
        "  2026-09-01T12:00:00Z amended by Ann: Late portal",
        "    MC-01: no target -> 0.80 (tolerance 0.02)",
        "    MC-02: 0.95..1.05 -> no target",
        "next: locked, withdrawn",
    ]


def test_a_narrative_is_shown_in_the_languages_that_it_has() -> None:
    one = {
        "kpi": "MC-01", "period": "FY2027-Q1", "state": "withdrawn", "version": 1, "sample": False, "is_public": False,
        "text": {"en": None, "es": "Menos casos."}, "legal": [],
        "history": [{"at": "t", "what": "written", "state": "draft", "by": "Ann", "reason": None}],
    }  # fmt: skip
    assert list(narrative_lines(one)) == [
        "MC-01, FY2027-Q1: withdrawn, version 1", "[es] Menos casos.", "history:", "  t written by Ann",
        "next: nothing; it is final",
    ]  # fmt: skip
