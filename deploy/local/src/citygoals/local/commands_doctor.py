"""`citygoals doctor`."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from citygoals.local.city_dir import CityDir
from citygoals.local.doctor import base_of, check_machine
from citygoals.local.doctor_city import check_city
from citygoals.local.options import DATA, AsJson, Data, show, show_json


def doctor(
    *,
    data: Data = DATA,
    port_base: Annotated[int, Parameter(help="Ports to look at while no city runs.")] = 8800,
    as_json: AsJson = False,
) -> int:
    """Check the installation."""
    folder = CityDir(data)
    findings = []
    for finding in (*check_machine(folder, base_of(folder, port_base)), *check_city(folder)):
        findings.append(finding)
        if not as_json:
            show(finding.line())
    if as_json:
        show_json({"findings": [asdict(finding) for finding in findings]})
    return 1 if any(finding.level == "wrong" for finding in findings) else 0
