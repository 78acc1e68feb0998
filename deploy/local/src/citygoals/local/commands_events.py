"""`citygoals publish` and `citygoals import`: events through the door."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.options import DATA, AsJson, Data, KeyFile, counted, read_key, show, show_json

if TYPE_CHECKING:
    from citygoals.local.importing import Export, Tally

_REJECTIONS_SHOWN = 50

import_app = App(name="import", help="Read a city's exports as events.")


def publish(
    file: Annotated[str, Parameter(help="File of events, or - for standard input.", allow_leading_hyphen=True)],
    *,
    data: Data = DATA,
    key_file: KeyFile = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Have everything checked, store nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Send CloudEvents through the intake door."""
    from citygoals.local.client import City
    from citygoals.local.publishing import publish_lines

    with City(data, key=read_key(key_file)) as city:
        receipt = publish_lines(file, city, dry_run=dry_run)
    if as_json:
        show_json(receipt.to_dict())
    else:
        _show_rejections([item.line() for item in receipt.rejected])
        show(f"{receipt.accepted:,} accepted, {receipt.duplicates:,} duplicates, {len(receipt.rejected):,} rejected")
    return 1 if receipt.rejected else 0


@import_app.command(name="open311")
def open311(
    file: Annotated[Path, Parameter(help="The export: CSV or JSON, also .gz or .xz.")],
    *,
    system: Annotated[str, Parameter(help="Name of the system that the export comes from.")] = "open311",
    departments: Annotated[Path | None, Parameter(help="YAML map from service code to department.")] = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Send an Open311 (GeoReport v2) export as service-request events.

    CSV or JSON, also .gz or .xz. Repeatable: requests that the city knows already change nothing. An import that was
    interrupted goes on where it was. Records without an id or an opening instant, and closed ones without the instant of
    their closing, are counted and left out; instants need an offset from UTC, as GeoReport has it.

    The department comes from the map by service code, else it is `unassigned`. Without --departments the sample map
    is used, which is ours and not in any city's data.
    """
    from citygoals.local.departments import load_departments
    from citygoals.local.importing import Export
    from citygoals.local.open311 import COLUMNS, events_of
    from citygoals.local.publisher_keys import check_system

    check_system(system)
    by_code = load_departments(departments)
    export = Export(
        path=_existing(file),
        convert=lambda record: events_of(record, system=system, departments=by_code),
        columns=COLUMNS,
        depends_on=(system, by_code.label, *by_code.by_code.items()),
    )
    tally = _send(export, CityDir(data), read_key(key_file), system)
    if as_json:
        none = {"opened": 0, "closed": 0, "departments": by_code.label}
        show_json(none | tally.to_dict())
    else:
        show(f"departments: {by_code.label}")
        _show_tally(tally)
    return 1 if tally.receipt.rejected else 0


@import_app.command(name="csv")
def import_csv(
    file: Annotated[Path, Parameter(help="The table: CSV with a header line, or JSON objects; also .gz or .xz.")],
    *,
    mapping: Annotated[Path, Parameter(help="YAML file that says which column becomes what.")],
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Send any table as events or measurements, by a mapping.

    Repeatable and resumable, as every import. Rows from which no event can be made are counted and left out.
    A mapping has `system`, `type`, `id` (such as "{voucher}-{line}"), `time` ({column, format, zone}), perhaps
    `subject` and `only` ({column, in}), and `data`: for each field a `column` or a `value`, with `as` (text, integer,
    decimal, minor, boolean), `map`, `default` and `optional` as needed.
    """
    from citygoals.local.csv_events import event_of
    from citygoals.local.csv_mapping import load_mapping
    from citygoals.local.importing import Export

    known = load_mapping(mapping)
    export = Export(
        path=_existing(file),
        convert=lambda row: event_of(row, known),
        columns=known.columns(),
        depends_on=(known.model_dump_json(),),
    )
    tally = _send(export, CityDir(data), read_key(key_file), known.system)
    if as_json:
        show_json(tally.to_dict())
    else:
        _show_tally(tally)
    return 1 if tally.receipt.rejected else 0


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise LocalError(f"there is no file {file}")
    return file


def _send(export: "Export", folder: CityDir, key: str | None, system: str) -> "Tally":
    from citygoals.local.client import City
    from citygoals.local.door import Door
    from citygoals.local.importing import Checkpoint, send_export
    from citygoals.local.publisher_keys import publisher_key

    with City(folder.root, key=key) as city:
        door = Door(city, publisher_key(city, folder, system))
        return send_export(export, door, Checkpoint(folder, export))


def _show_tally(tally: "Tally") -> None:
    receipt, facts = tally.receipt, tally.by_fact
    _show_rejections([item.line("record") for item in receipt.rejected])
    if tally.resumed_after:
        show(f"went on after record {tally.resumed_after:,}, where an earlier run of this import was interrupted")
    for reason, count in tally.skipped.items():
        show(f"left out {counted(count, 'record')}: {reason} (first: record {tally.first_skipped[reason]:,})")
    made = ", ".join(f"{count:,} {fact}" for fact, count in facts.items()) or "no events"
    show(f"{counted(tally.records, 'record')}: {made}")
    show(
        f"{counted(facts.total(), 'event')} sent: {receipt.accepted:,} accepted, "
        f"{receipt.duplicates:,} duplicates, {len(receipt.rejected):,} rejected"
    )


def _show_rejections(lines: list[str]) -> None:
    for line in lines[:_REJECTIONS_SHOWN]:
        show(line)
    if len(lines) > _REJECTIONS_SHOWN:
        show(f"... and {len(lines) - _REJECTIONS_SHOWN:,} more; --json lists all of them")
