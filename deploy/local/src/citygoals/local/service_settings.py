"""The settings of the four services, checked before any of them starts, so that every problem is said at once."""

from collections.abc import Iterator

from pydantic import SecretStr, ValidationError

from citygoals.intake.settings import IntakeSettings
from citygoals.kpi.settings import KpiSettings
from citygoals.local.city_dir import UsageError
from citygoals.notify.settings import NotifySettings
from citygoals.reporting.settings import ReportingSettings
from citygoals.shared.settings import ServiceSettings, variable

_SERVICES = (ReportingSettings, IntakeSettings, KpiSettings, NotifySettings)


def check_settings() -> None:
    """Raise UsageError that names every wrong setting in the environment."""
    problems = dict.fromkeys(problem for service in _SERVICES for problem in _problems(service))
    if problems:
        raise UsageError("\n".join(problems))


def _problems(service: type[ServiceSettings]) -> Iterator[str]:
    try:
        # What `citygoals up` sets itself cannot be wrong in the environment.
        service(pg_dsn=SecretStr(""), nats_url="", nats_user="", nats_password=SecretStr(""), host="", port=0)
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            where = f"{variable(service, str(item['loc'][0]))}: " if item["loc"] else ""
            yield where + item["msg"].removeprefix("Value error, ")
    except ValueError as error:  # a secret's file that cannot be read
        yield str(error)
