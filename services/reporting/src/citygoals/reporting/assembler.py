"""Parts in any order, repeated or missing, become changesets in the order of positions. Pure."""

from citygoals.shared.changeset import Changeset, Part, assemble

AHEAD_POSITIONS_MAX = 2048
AHEAD_BYTES_MAX = 64 << 20


class Assembler:
    """Holds what cannot be applied yet. What does not fit is dropped: its owner is asked for it later."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._parts: dict[int, dict[int, Part]] = {}
        self._bytes = 0
        self._sizes: dict[int, int] = {}

    def offer(self, part: Part, size: int) -> None:
        """Take in one part of `size` bytes; parts of applied positions and repeated ones are skipped."""
        position = part.position
        if position <= self.position:
            return
        held = self._parts.get(position, {})
        if held and next(iter(held.values())).parts != part.parts:
            held = {}  # the owner cut the same changeset anew: its newest cut counts
            self._bytes -= self._sizes.pop(position)
            del self._parts[position]
        if part.part in held or not self._has_room(position, size):
            return
        self._parts[position] = {**held, part.part: part}
        self._sizes[position] = self._sizes.get(position, 0) + size
        self._bytes += size

    def _has_room(self, position: int, size: int) -> bool:
        """The next position always has room: everything else waits for it."""
        if position == self.position + 1:
            return True
        return position <= self.position + AHEAD_POSITIONS_MAX and self._bytes + size <= AHEAD_BYTES_MAX

    def take(self) -> list[Changeset]:
        """Return the complete changesets that continue from the position, and move it behind them. Raises Malformed."""
        taken = []
        while self._is_complete(self.position + 1):
            self.position += 1
            parts = self._parts.pop(self.position)
            self._bytes -= self._sizes.pop(self.position)
            taken.append(assemble(parts.values()))
        return taken

    def restart(self, position: int) -> None:
        """Go on from a position that was read from the database; everything up to it is dropped."""
        self.position = position
        for known in [one for one in self._parts if one <= position]:
            del self._parts[known]
            self._bytes -= self._sizes.pop(known)

    @property
    def is_waiting(self) -> bool:
        """Whether something is held that cannot be applied yet."""
        return bool(self._parts)

    @property
    def next_part(self) -> int:
        """The first part of the next position that is missing."""
        parts = self._parts.get(self.position + 1, {})
        return next(number for number in range(1, len(parts) + 2) if number not in parts)

    @property
    def held(self) -> int:
        """How many parts are held."""
        return sum(map(len, self._parts.values()))

    @property
    def has_gap(self) -> bool:
        """Whether something after the next position has arrived while that one is missing or incomplete."""
        return any(position > self.position + 1 for position in self._parts)

    def _is_complete(self, position: int) -> bool:
        parts = self._parts.get(position)
        return parts is not None and len(parts) == next(iter(parts.values())).parts
