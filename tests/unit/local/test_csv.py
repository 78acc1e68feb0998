"""Any table as events: each mapping mistake is named, each row gives an event or a reason."""

from pathlib import Path
from typing import Any

import pytest
from citygoals.local.city_dir import LocalError
from citygoals.local.csv_events import event_of
from citygoals.local.csv_mapping import TableMapping, load_mapping
from citygoals.local.unusable import Unusable

SPENDING = """
system: ledger
type: city.spending.posted.v1
id: "{Voucher}-{Line}"
subject: "{Voucher}"
time: {column: Posted, format: "%m/%d/%Y", zone: America/Denver}
only: {column: Status, in: [Posted, Paid]}
data:
  voucher_id: {column: Voucher}
  department: {column: Dept, map: {FIN: office-of-the-comptroller}, default: unassigned}
  vendor: {column: Vendor}
  amount_minor: {column: Amount, as: minor}
  currency: {value: USD}
  fund: {column: Fund, optional: true}
  urgent: {column: Urgent, as: boolean, default: false}
"""
ROW = {
    "Voucher": "V1", "Line": "2", "Posted": "11/20/2026", "Status": "Paid", "Dept": "FIN", "Vendor": " Acme ",
    "Amount": "$1,234.50", "Fund": "", "Urgent": "",
}  # fmt: skip


def mapping(tmp_path: Path, text: str = SPENDING) -> TableMapping:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    return load_mapping(path)


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    assert event_of(ROW, mapping(tmp_path)) == [
        {
            "specversion": "1.0",
            "type": "city.spending.posted.v1",
            "source": "/systems/ledger/csv",
            "id": "V1-2",
            "subject": "V1",
            "time": "2026-11-20T07:00:00Z",
            "datacontenttype": "application/json",
            "data": {
                "voucher_id": "V1", "department": "office-of-the-comptroller", "vendor": "Acme", "amount_minor": 123_450,
                "currency": "USD", "urgent": False,
            },
        }
    ]  # fmt: skip


def test_columns_are_those_that_the_mapping_speaks_of(tmp_path: Path) -> None:
    assert mapping(tmp_path).columns() == sorted(ROW)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"Amount": "(12.00)"}, "amount_minor", -1200),
        ({"Amount": "0.1"}, "amount_minor", 10),
        ({"Dept": "nobody knows"}, "department", "unassigned"),
        ({"Dept": ""}, "department", "unassigned"),
        ({"Urgent": "YES"}, "urgent", True),
        ({"Fund": "911"}, "fund", "911"),
    ],
)
def test_values(tmp_path: Path, changes: dict[str, str], field: str, value: Any) -> None:
    assert event_of(ROW | changes, mapping(tmp_path))[0]["data"][field] == value


def test_rows_that_are_not_meant_are_left_out(tmp_path: Path) -> None:
    assert event_of(ROW | {"Status": "Draft"}, mapping(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Voucher": ""}, "Voucher is empty"),
        ({"Posted": "20 Nov"}, "Posted is not a date and time"),
        ({"Amount": "12.345"}, "Amount is not minor"),
        ({"Amount": "NaN"}, "Amount is not minor"),
        ({"Amount": ""}, "Amount is not minor"),
        ({"Urgent": "perhaps"}, "Urgent is not boolean"),
    ],
)
def test_rows_that_cannot_be_used_say_why(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    with pytest.raises(Unusable, match=why):
        event_of(ROW | changes, mapping(tmp_path))


def test_times_with_an_offset_keep_their_instant(tmp_path: Path) -> None:
    iso = SPENDING.replace('format: "%m/%d/%Y", ', "")
    at = event_of(ROW | {"Posted": "2026-11-20T10:00:00+02:00"}, mapping(tmp_path, iso))[0]["time"]
    assert at == "2026-11-20T08:00:00Z"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("system: ledger", "system: The Ledger"), "/system: "),
        (("type: city.spending.posted.v1", "type: spending"), "/type: "),
        (('id: "{Voucher}-{Line}"', 'id: "always the same"'), "/id: "),
        (("zone: America/Denver", "zone: Denver"), "not a time zone"),
        (("vendor: {column: Vendor}", "vendor: {}"), "/data/vendor: .*`column`"),
        (("vendor: {column: Vendor}", "vendor: {colum: Vendor}"), "/data/vendor/colum: "),
        (("data:", "dates:"), "/data: "),
        (("only:", "only: ["), "cannot be read"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(LocalError, match=said):
        mapping(tmp_path, SPENDING.replace(*change))


def test_a_missing_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="there is no file"):
        load_mapping(tmp_path / "nowhere.yaml")
