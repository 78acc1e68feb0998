"""A broker of one test's own, to be killed and started again."""

from dataclasses import dataclass, field
from pathlib import Path

import brokers
from citygoals.local.nats_server import NatsServer
from citygoals.shared.bus import Bus, connect
from citygoals.shared.settings import ServiceSettings
from patience import PATIENCE_S
from pydantic import SecretStr


@dataclass
class Mortal:
    """A broker of one test's own, to be killed and started again on the same data and port."""

    folder: Path
    server: NatsServer
    buses: list[Bus] = field(default_factory=list)

    def settings(self, user: str) -> ServiceSettings:
        return ServiceSettings(
            pg_dsn=SecretStr("postgresql://nowhere"),
            nats_url=self.server.url,
            nats_user=user,
            nats_password=SecretStr(self.server.passwords[user]),
        )

    async def connect(self, user: str) -> Bus:
        self.buses.append(await connect(self.settings(user), f"test-{user}", patience_s=PATIENCE_S))
        return self.buses[-1]

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server = brokers.start_nats(self.folder, port=self.server.listening.port)
