"""The services and the demo as programs: how each is started, what it is told, how to see that it is ready."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from citygoals.local.child import Program
from citygoals.local.city_dir import CityDir
from citygoals.local.passwords import remember
from citygoals.local.probes import http_ready
from citygoals.local.up_options import Options

_SECRETS = {"PG_DSN": "pg-dsn", "NATS_PASSWORD": "nats-password"}


def service_program(name: str, options: Options) -> Program:
    """Return one of the four services. Its secrets lie in files that only the owner can read."""
    folder, port = CityDir(options.data), options.port(name)
    environment = {f"CITYGOALS_{secret}_FILE": str(_file(folder, name, secret)) for secret in _SECRETS}
    environment |= {
        "CITYGOALS_NATS_URL": options.nats,
        "CITYGOALS_NATS_USER": options.nats_user(name),
        "CITYGOALS_HOST": options.host,
        "CITYGOALS_PORT": str(port),
        # Where readers find the pages that letters link to, and where they say that they want no more letters.
        "CITYGOALS_PUBLIC_URL": os.environ.get("CITYGOALS_PUBLIC_URL", options.http("reporting")),
        "CITYGOALS_UNSUBSCRIBE_URL": os.environ.get("CITYGOALS_UNSUBSCRIBE_URL", options.http("notify")),
        # A city that was ever told synthetic events keeps them, so its pages go on saying so.
        "CITYGOALS_SYNTHETIC": str(options.demo or folder.demo.exists()).lower(),
    }
    return Program(
        name=name,
        command=(sys.executable, "-m", f"citygoals.{name}"),
        warm_command=(sys.executable, "-m", "citygoals.local.warm", name),
        environment=environment,
        port=port,
        probe=http_ready(options.reached_at, port),
    )


def give_secrets(name: str, folder: CityDir, secrets: Mapping[str, str]) -> None:
    """Write the secrets of a service, `PG_DSN` and `NATS_PASSWORD`, where its program looks for them."""
    for secret in _SECRETS:
        remember(folder.secrets, _file(folder, name, secret).name, secrets[secret])


def demo_program(data: Path) -> Program:
    """Return the synthetic day; it ends by itself."""
    return Program(name="demo", command=(sys.executable, "-m", "citygoals.local.demo_feed", str(data)), finishes=True)


def _file(folder: CityDir, service: str, secret: str) -> Path:
    return folder.secrets.resolve() / f"service-{service}-{_SECRETS[secret]}"
