"""`citygoals backup` and `citygoals restore`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from citygoals.local.backup import check_backup, read_figures, unpack_backup, write_backup
from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.client import City
from citygoals.local.options import DATA, AsJson, Data, show, show_json
from citygoals.local.ports import free_base
from citygoals.local.up_options import LOOPBACK


def backup(
    target: Annotated[Path, Parameter(name="DIR", help="New or empty folder for the backup.")],
    *,
    data: Data = DATA,
    as_json: AsJson = False,
) -> int:
    """Write a backup."""
    made = write_backup(target, CityDir(data))
    if as_json:
        show_json({"folder": str(made.folder), "position": made.position, "bytes": made.bytes})
    else:
        show(f"backed up to {made.folder}: position {made.position:,}, {made.bytes:,} bytes")
        show(f"start again from it: citygoals restore {made.folder} --data NEW_FOLDER")
    return 0


def restore(
    source: Annotated[Path, Parameter(name="DIR", help="Folder of a backup.")],
    *,
    data: Data = DATA,
    verify: Annotated[bool, Parameter(help="Start the city once and compare its figures with the backup's.")] = True,
    port_base: Annotated[
        int | None, Parameter(help="Ports for that comparison; else free ones are looked for.")
    ] = None,
) -> int:
    """Start again from a backup."""
    folder = CityDir(data)
    unpack_backup(source, folder)
    if not verify:
        show(f"restored to {folder.root}, not compared; `citygoals up --data {folder.root}` starts it")
        return 0
    figures = check_backup(source)["figures"]
    base = free_base(LOOPBACK) if port_base is None else port_base
    _citygoals("up", "--detach", "--no-demo", "--port-base", str(base), "--data", str(folder.root))
    try:
        with City(folder.root) as city:
            differences = _differences(figures["periods"], read_figures(city, figures)["periods"])
    finally:
        _citygoals("down", "--data", str(folder.root))
    if differences:
        raise LocalError(
            f"the restored city shows other figures at position {figures['position']}: {', '.join(differences)}"
        )
    show(f"restored to {folder.root}: identical at position {figures['position']:,}")
    show(f"start it: citygoals up --data {folder.root}")
    return 0


def _citygoals(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "citygoals.local", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalError(done.stderr.strip().removeprefix("citygoals: "))


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what differs, as `FY2027 MC-01`."""
    found = []
    for period, figures in before.items():
        for name in ("kpis", "nodes"):
            known = {item["id"]: item for item in after[period][name]}
            found += [f"{period} {item['id']}" for item in figures[name] if known.get(item["id"]) != item]
        if figures["totals"] != after[period]["totals"]:
            found.append(f"{period} totals")
    return found
