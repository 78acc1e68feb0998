"""Which port is whose, and whether it is free."""

import errno
import socket

from citygoals.local.city_dir import LocalError

OFFSETS = {"reporting": 0, "intake": 1, "kpi": 2, "notify": 3, "nats": 22, "postgres": 32}
HIGHEST = 65_535
_MONITOR_OFFSET = 23  # NATS's own monitoring, loopback only; inside the block so that two cities never meet


def ports_of(base: int) -> dict[str, int]:
    """Return `{name: port}` for a port base. Raises LocalError if they do not all fit below 65536."""
    if not 1 <= base <= HIGHEST - max(OFFSETS.values()):
        raise LocalError(f"--port-base {base} does not fit: use 1 to {HIGHEST - max(OFFSETS.values())}")
    return {name: base + offset for name, offset in OFFSETS.items()}


def monitor_port(base: int) -> int:
    """Return where the embedded NATS server is watched from this machine."""
    return base + _MONITOR_OFFSET


def check_free(host: str, ports: dict[str, int]) -> None:
    """Raise LocalError that names every port of `{name: port}` that something else listens on."""
    taken = [f"{port} ({name})" for name, port in ports.items() if not _is_free(host, port)]
    if taken:
        what = "port is" if len(taken) == 1 else "ports are"
        raise LocalError(
            f"this {what} taken on {host}: {', '.join(taken)}. "
            "Stop what listens there, or choose other ports with --port-base."
        )


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without this, connections of the city that was just stopped (TIME_WAIT) would look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES):
                raise LocalError(
                    f"cannot listen on {host}:{port}: {error.strerror}; see --host and --port-base"
                ) from error
            return False
    return True
