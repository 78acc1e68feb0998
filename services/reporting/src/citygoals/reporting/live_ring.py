"""The last messages of the live stream, for all listeners together."""

from collections import OrderedDict, deque
from collections.abc import Sequence

RING_MESSAGES_MAX = 2048
RING_BYTES_MAX = 16 << 20
SHARED_RUNS_MAX = 64


class Ring:
    """The last messages, for contiguous positions `start + 1` to `end`."""

    def __init__(self) -> None:
        self.start = self.end = 0
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._runs: OrderedDict[int, bytes] = OrderedDict()

    def restart(self, position: int) -> None:
        """Hold nothing; the next message is of `position + 1`."""
        self.start = self.end = position
        self._messages.clear()
        self._bytes = 0
        self._runs.clear()

    def append(self, body: bytes) -> None:
        """Add the message of the next position."""
        self._messages.append(body)
        self._bytes += len(body)
        self.end += 1
        self._runs.clear()
        while len(self._messages) > RING_MESSAGES_MAX or (self._bytes > RING_BYTES_MAX and len(self._messages) > 1):
            self._bytes -= len(self._messages.popleft())
            self.start += 1

    def prepend(self, bodies: Sequence[bytes]) -> None:
        """Add the messages of the positions just before, for others who come back from the same place."""
        for body in reversed(bodies):
            if len(self._messages) >= RING_MESSAGES_MAX or self._bytes + len(body) > RING_BYTES_MAX:
                return
            self._messages.appendleft(body)
            self._bytes += len(body)
            self.start -= 1

    def after(self, position: int) -> bytes | None:
        """Return the messages after a position, joined (once for all who have the same); None if some are gone."""
        if not self.start <= position <= self.end:
            return None
        run = self._runs.get(position)
        if run is None:
            run = b"".join(list(self._messages)[position - self.start :])
            self._runs[position] = run
            if len(self._runs) > SHARED_RUNS_MAX:
                self._runs.popitem(last=False)
        return run
