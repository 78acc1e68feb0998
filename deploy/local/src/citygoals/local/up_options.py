"""What `citygoals up` was asked for, and the addresses that follow from it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from citygoals.local.city_dir import UsageError
from citygoals.local.ports import ports_of

LOOPBACK = "127.0.0.1"
DEMO_SYSTEM = "demo"
_ANY = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options. `nats_url` and `pg_dsn` are None for the embedded servers."""

    data: Path
    host: str = LOOPBACK
    port_base: int = 8800
    demo: bool = False
    nats_url: str | None = None
    pg_dsn: str | None = None

    def check(self) -> None:
        """Raise UsageError that names every option that cannot mean anything."""
        ports_of(self.port_base)
        mistakes = [] if self.host.strip() else ["--host is empty; 0.0.0.0 listens on every address"]
        for option, address, schemes in (
            ("--nats-url", self.nats_url, ("nats", "tls")),
            ("--pg-dsn", self.pg_dsn, ("postgresql", "postgres")),
        ):
            if address is not None and urlsplit(address).scheme not in schemes:
                mistakes.append(f"{option} must begin with {schemes[0]}://")  # what was given may hold a password
        if mistakes:
            raise UsageError("\n".join(mistakes))

    @property
    def reached_at(self) -> str:
        """The address under which this machine reaches what listens on `host`."""
        return _ANY.get(self.host, self.host)

    def port(self, name: str) -> int:
        """Return the port of a service or server."""
        return ports_of(self.port_base)[name]

    def http(self, service: str) -> str:
        """Return the address of a service."""
        return f"http://{self._at(service)}"

    @property
    def nats(self) -> str:
        """Where NATS is, without credentials."""
        if self.nats_url is None:
            return f"nats://{self._at('nats')}"
        parts = urlsplit(self.nats_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def nats_given(self) -> tuple[str, str] | None:
        """The user and password of somebody else's NATS: they are used for everything. None for the embedded one."""
        if self.nats_url is None:
            return None
        parts = urlsplit(self.nats_url)
        return unquote(parts.username or ""), unquote(parts.password or "")

    def nats_user(self, name: str) -> str:
        """Return the NATS user to connect as: the one of that name, or the one that was given for all."""
        return name if self.nats_given is None else self.nats_given[0]

    def _at(self, name: str) -> str:
        host = self.reached_at
        return f"[{host}]:{self.port(name)}" if ":" in host else f"{host}:{self.port(name)}"
