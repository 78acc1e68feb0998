"""Every setting of every service stands in docs/settings.md with its default and meaning."""

from pathlib import Path
from typing import Any

import pytest
from citygoals.intake.settings import IntakeSettings
from citygoals.kpi.settings import KpiSettings
from citygoals.notify.settings import NotifySettings
from citygoals.reporting.settings import ReportingSettings
from citygoals.shared.settings import ServiceSettings
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
SERVICES = (IntakeSettings, KpiSettings, NotifySettings, ReportingSettings)


def shown(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    return "" if value in (None, "") else f"`{value}`"


def rows(settings: type[ServiceSettings]) -> list[str]:
    own = settings.model_fields if settings is ServiceSettings else settings.model_fields.keys()
    inherited = () if settings is ServiceSettings else ServiceSettings.model_fields
    return [
        f"| `CITYGOALS_{name.upper()}` | {shown(settings.model_fields[name].default)} | {settings.model_fields[name].description} |"
        for name in own
        if name not in inherited
    ]


@pytest.mark.parametrize("settings", [ServiceSettings, *SERVICES], ids=lambda one: one.__name__)
def test_every_setting_is_documented(settings: type[ServiceSettings]) -> None:
    document = DOCUMENT.read_text()
    missing = [row for row in rows(settings) if row not in document]
    assert not missing, "add to docs/settings.md:\n" + "\n".join(missing)
