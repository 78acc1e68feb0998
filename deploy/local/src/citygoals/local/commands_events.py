"""`citygoals publish` and `citygoals import`: events through the door."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.options import DATA, AsJson, Data, KeyFile, counted, read_key, show, show_json

if TYPE_CHECKING:
    from citygoals.local.import_open311 import Tally

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
    interrupted goes on where it was. Records without an id or an opening instant are counted and left out.

    The department comes from the map by service code, else it is `unassigned`. Without --departments the sample map
    is used, which is ours and not in any city's data.
    """
    from citygoals.local.client import City
    from citygoals.local.departments import load_departments
    from citygoals.local.door import Door
    from citygoals.local.import_open311 import Checkpoint, import_open311
    from citygoals.local.publisher_keys import check_system, publisher_key

    check_system(system)
    if not file.is_file():
        raise LocalError(f"there is no file {file}")
    by_code = load_departments(departments)
    folder = CityDir(data)
    with City(data, key=read_key(key_file)) as city:
        door = Door(city, publisher_key(city, folder, system))
        checkpoint = Checkpoint(folder, file, system=system, departments=by_code)
        tally = import_open311(file, door, checkpoint, system=system, departments=by_code)
    if as_json:
        show_json(tally.to_dict())
    else:
        _show_rejections([item.line() for item in tally.receipt.rejected])
        _show_tally(tally)
    return 1 if tally.receipt.rejected else 0


def _show_tally(tally: "Tally") -> None:
    receipt, facts = tally.receipt, tally.by_fact
    if tally.resumed_after:
        show(f"went on after record {tally.resumed_after:,}, where an earlier run of this import was interrupted")
    for reason, count in tally.skipped.items():
        show(f"left out {counted(count, 'record')}: {reason} (first: record {tally.skipped_records[0]:,})")
    show(f"departments: {tally.departments}")
    show(f"{counted(tally.records, 'record')}: {facts['opened']:,} opened, {facts['closed']:,} closed")
    show(
        f"{counted(facts.total(), 'event')} sent: {receipt.accepted:,} accepted, "
        f"{receipt.duplicates:,} duplicates, {len(receipt.rejected):,} rejected"
    )


def _show_rejections(lines: list[str]) -> None:
    for line in lines[:_REJECTIONS_SHOWN]:
        show(line)
    if len(lines) > _REJECTIONS_SHOWN:
        show(f"... and {len(lines) - _REJECTIONS_SHOWN:,} more; --json lists all of them")
