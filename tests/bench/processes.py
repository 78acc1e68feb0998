"""CPU and memory of the city's processes, as the kernel accounts for them."""

import os
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += parents.get(pid, [])
    return found


def cpu_s(root: int) -> float:
    """CPU seconds used so far by a process, its living descendants and those that it has waited for."""
    total = 0
    for pid in tree(root):
        stat = _stat(pid)
        if stat is not None:
            total += sum(int(stat[index]) for index in (11, 12, 13, 14))
    return total / TICKS_A_SECOND


def resident_mb(root: int) -> float:
    """Resident memory of one process in megabytes."""
    for line in Path(f"/proc/{root}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Meter:
    """CPU used by each named process between `start` and `read`."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.pids = pids
        self.before = {name: cpu_s(pid) for name, pid in pids.items()}

    def read_us(self, events: int) -> dict[str, float]:
        """CPU microseconds for each event, by process."""
        return {name: (cpu_s(pid) - self.before[name]) * 1e6 / events for name, pid in self.pids.items()}
