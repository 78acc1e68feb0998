"""Which port is whose, and whether it is free."""

import errno
import socket
from collections.abc import Mapping

from citygoals.local.city_dir import LocalError, UsageError

OFFSETS = {"reporting": 0, "intake": 1, "kpi": 2, "notify": 3, "nats": 22, "postgres": 32}
HIGHEST = 65_535
_SEARCH_FROM, _SEARCH_STEP = 18_800, 100
_MONITOR_OFFSET = 23  # NATS's own monitoring, loopback only; inside the block so that two cities never meet


def ports_of(base: int) -> dict[str, int]:
    """Return `{name: port}` for a port base. Raises UsageError if they do not all fit below 65536."""
    if not 1 <= base <= HIGHEST - max(OFFSETS.values()):
        raise UsageError(f"--port-base {base} does not fit: use 1 to {HIGHEST - max(OFFSETS.values())}")
    return {name: base + offset for name, offset in OFFSETS.items()}


def monitor_port(base: int) -> int:
    """Return where the embedded NATS server is watched from this machine."""
    return base + _MONITOR_OFFSET


def free_base(host: str) -> int:
    """Return a port base whose ports are free now. Raises LocalError where there is none."""
    for base in range(_SEARCH_FROM, HIGHEST - max(OFFSETS.values()), _SEARCH_STEP):
        if not taken(host, {**ports_of(base), "nats monitoring": monitor_port(base)}):
            return base
    raise LocalError(f"no free ports were found on {host}; name some with --port-base")


def check_free(*blocks: tuple[str, Mapping[str, int]]) -> None:
    """Raise LocalError that names every port of `(host, {name: port})` that something else listens on."""
    found = [f"{port} on {host}" for host, ports in blocks for port in taken(host, ports)]
    if found:
        what = "this port is" if len(found) == 1 else "these ports are"
        raise LocalError(
            f"{what} taken: {', '.join(found)}. Stop what listens there, or choose other ports with --port-base."
        )


def taken(host: str, ports: Mapping[str, int]) -> list[str]:
    """Return those of `{name: port}` that something listens on, as `8802 (kpi)`.

    Raises LocalError where nobody can listen on that host.
    """
    return [f"{port} ({name})" for name, port in ports.items() if not _is_free(host, port)]


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without this, connections of the city that was just stopped (TIME_WAIT) would look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                return False
            why = getattr(error, "strerror", None) or "that is no address"
            raise LocalError(f"cannot listen on {host}:{port}: {why}; see --host and --port-base") from error
    return True
