"""Exports are read in every form in which they lie on disk, and a broken one says how far it was good."""

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from citygoals.local.city_dir import LocalError
from citygoals.local.open311 import COLUMNS
from citygoals.local.record_files import read_records

CSV = "service_request_id,status,requested_datetime,address\r\n" + "".join(
    f'{number},open,2020-01-01T00:00:00Z,"1 Main St,\r\nfloor ""{number}"""\r\n' for number in range(1, 4)
)
RECORDS = [{"service_request_id": str(number), "requested_datetime": "2020-01-01T00:00:00Z"} for number in range(1, 4)]


def ids(path: Path) -> list[Any]:
    return [record.fields.get("service_request_id") for record in read_records(path, COLUMNS)]


def written(folder: Path, body: bytes, name: str = "export") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gz", "xz"])
@pytest.mark.parametrize(
    "text",
    [
        CSV,
        "\ufeff" + CSV,
        CSV.rstrip(),
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        json.dumps({"service_requests": RECORDS}),
        "\n".join(json.dumps(record) for record in RECORDS),
    ],
    ids=["csv", "bom", "no newline at the end", "json", "indented", "wrapped", "ndjson"],
)
def test_forms(tmp_path: Path, text: str, pack: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path, pack(text.encode()))
    assert ids(path) == ["1", "2", "3"]
    last = list(read_records(path, COLUMNS))[-1]
    assert (last.number, last.bytes_read) == (3, path.stat().st_size)


def test_quoted_fields_keep_their_lines(tmp_path: Path) -> None:
    first = next(iter(read_records(written(tmp_path, CSV.encode()))))
    assert first.fields["address"] == '1 Main St,\r\nfloor "1"'


def test_records_across_chunks(tmp_path: Path) -> None:
    many = [{"service_request_id": str(number), "notes": "ñ" * 100} for number in range(5000)]
    assert len(ids(written(tmp_path, json.dumps(many, ensure_ascii=False).encode()))) == 5000


def test_what_is_no_record_is_still_counted(tmp_path: Path) -> None:
    assert ids(written(tmp_path, b'[1, null, {"status": null}, {"service_request_id": "4"}]')) == [
        None,
        None,
        None,
        "4",
    ]


def test_an_empty_list_has_no_records(tmp_path: Path) -> None:
    assert ids(written(tmp_path, b"[]")) == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"id,name\n1,2\n", "no column service_request_id"),
        (b"", "no column service_request_id"),
        (json.dumps(RECORDS).encode()[:-30], "after record 2: the JSON ends early"),
        (lzma.compress(CSV.encode())[:-20], "cannot be read after record"),
        (gzip.compress(CSV.encode(), mtime=0)[:-20], "cannot be read after record"),
    ],
    ids=["other table", "empty", "cut JSON", "cut xz", "cut gz"],
)
def test_broken_files_say_how_far_they_were_good(tmp_path: Path, body: bytes, why: str) -> None:
    with pytest.raises(LocalError, match=why):
        ids(written(tmp_path, body))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"there is no file .*nowhere"):
        ids(tmp_path / "nowhere")
