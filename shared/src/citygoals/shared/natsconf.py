"""nats-server's configuration as text, rendered from the topology; used by the local runner, compose and the tests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from citygoals.shared.topology import MAX_PAYLOAD_BYTES, SERVES, STREAMS, permissions

ACCOUNT = "CITY"
USERS_FILE = "users.conf"
MAX_MEMORY_STORE_BYTES = 64 << 20  # every stream is a file; the server wants a limit all the same
CONNECTIONS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens: clients at host:port, monitoring on loopback only unless `monitor_host` says else."""

    host: str
    port: int
    monitor_port: int
    monitor_host: str = "127.0.0.1"


def server_conf(name: str, listening: Listening, store: PurePath | str) -> str:
    """Return the main file. It includes `users.conf` beside it, so that users can be added by a reload (SIGHUP)."""
    file_bytes = sum(spec.max_bytes for spec in STREAMS)
    return f"""\
server_name: {_text(name)}
host: {_text(listening.host)}
port: {listening.port}
http: {_text(f"{listening.monitor_host}:{listening.monitor_port}")}
max_payload: {MAX_PAYLOAD_BYTES}
max_connections: {CONNECTIONS_MAX}
max_pending: {64 << 20}
ping_interval: "20s"
lame_duck_grace_period: "1s"
lame_duck_duration: "30s"
# An acknowledged message is on disk: the default would leave up to two minutes of them in memory.
jetstream {{
  store_dir: {_text(str(store))}
  sync_interval: always
  max_memory_store: {MAX_MEMORY_STORE_BYTES}
  max_file_store: {file_bytes + file_bytes // 8}
}}
# No default user, no WebSocket, MQTT or leaf listener: who has no name here gets nothing.
accounts {{
  {ACCOUNT} {{
    jetstream: enabled
    include {_text(f"./{USERS_FILE}")}
  }}
  SYS {{}}
}}
system_account: SYS
"""


def users_conf(passwords: Mapping[str, str]) -> str:
    """Return the users file: each user of `passwords` with the allow-lists that the topology gives it.

    Raises:
        ValueError: a user that the topology does not know.
    """
    return "users: [\n" + "".join(f"  {_user(name, secret)}\n" for name, secret in passwords.items()) + "]\n"


def _user(name: str, secret: str) -> str:
    allowed = permissions(name)
    rules = [
        f"publish: {{allow: {json.dumps(allowed.publish)}}}",
        f"subscribe: {{allow: {json.dumps(allowed.subscribe)}}}",
    ]
    if name in SERVES:
        rules.append('allow_responses: {max: 1, expires: "30s"}')
    return f"{{user: {_text(name)}, password: {_text(secret)}, permissions: {{{', '.join(rules)}}}}}"


def _text(value: str) -> str:
    r"""Quote a text. The server reads `\xNN` as a byte, and knows no `\u`: a folder may be called año, or anything."""
    return f'"{"".join(_quoted(byte) for byte in value.encode(errors="surrogateescape"))}"'


def _quoted(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{byte:c}"
    return f"{byte:c}" if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
