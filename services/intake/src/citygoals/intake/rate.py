"""How fast one publisher may come: a token bucket for each key. Pure; the caller brings the time."""

from collections import OrderedDict

BURST_S = 2.0
KEYS_MAX = 10_000


class Rate:
    """Allows `per_s` events a second for each key, and twice as many at once after a pause; 0 allows everything."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._most = per_s * BURST_S
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, events: int, now: float) -> float:
        """Take `events` tokens and return 0, or return the seconds after which to come back.

        A request that is larger than the bucket passes when the bucket is full, and the next one waits longer.
        """
        if not self._per_s:
            return 0.0
        tokens, at = self._buckets.pop(key, (self._most, now))
        tokens = min(self._most, tokens + (now - at) * self._per_s)
        needed = min(events, self._most)
        allowed = tokens >= needed
        self._buckets[key] = (tokens - events if allowed else tokens, now)
        if len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (needed - tokens) / self._per_s
