"""A nats-py client that is cheap per message where nats-py is not; everything else about it stays nats-py's.

A few private seams. Two are measured: nats-py looks at every character of every header name (15 us a message here), and
encodes and checks each header of each published message one by one (12 us). One puts a flush's PING behind what it
flushes; nats-py lets it overtake, so that an answer to it proves nothing. The others keep the client from going deaf:
nats-py stops reading for good, and says nothing more, when the answer to a flush comes after its caller has given up.
If a later nats-py renames them, the conformance suite says so.
"""

import asyncio
from collections.abc import Iterator, Mapping

from nats.aio.client import PING_PROTO, Client


class Headers(Mapping[str, str]):
    """Headers of a message, parsed when somebody first looks: a batch consumer looks at hardly any."""

    __slots__ = ("_parsed", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._parsed: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __bool__(self) -> bool:
        return True  # nats-py asks this of every message; answering must not parse

    def _all(self) -> dict[str, str]:
        if self._parsed is None:
            lines = (line.partition(":") for line in self._raw.decode("utf-8", "replace").split("\r\n"))
            self._parsed = {name.strip(): value.strip() for name, colon, value in lines if colon}
        return self._parsed


class LeanClient(Client):
    """nats-py's client with headers parsed on demand, and one write for many messages."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> Headers:  # type: ignore[override]  # a Mapping is all that its caller needs
        return Headers(raw)

    async def _send_ping(self, future: "asyncio.Future[bool] | None" = None) -> None:
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        await self.write(PING_PROTO)

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():  # whoever asked has given up
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _read_loop(self) -> None:
        """Read until the connection ends; an error that nobody foresaw ends it too, and a new one is made."""
        await super()._read_loop()
        task = asyncio.current_task()
        if self.is_connected and not (task is not None and task.cancelling()):
            await self._process_op_err(ConnectionResetError("reading ended with an error"))

    async def write(self, commands: bytes) -> None:
        """Send protocol text as it is; it is written whole, in order with everything published before and after."""
        await self._send_command(commands)
        await self._flush_pending()
