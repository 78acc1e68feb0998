"""The numbers of the series: which cell runs there are, by KPI, grain, dimension and member. They are only ever added."""

from collections.abc import Iterable, Mapping, Sequence

from citygoals.reporting.queries import SQL
from citygoals.shared.cells import kpi_of
from citygoals.shared.postgres import Connection

Address = tuple[str, str, str, str]  # series, grain, dimension, member


class Addresses:
    """What this process knows of the table `series`; learns only what was committed."""

    def __init__(self) -> None:
        self._ids: dict[Address, int] = {}
        self._names: dict[int, Address] = {}
        self._by_kpi: dict[tuple[str, str, str], dict[tuple[str, str], int]] = {}
        self._last = 0

    @property
    def ids(self) -> Mapping[Address, int]:
        """Every address that is known here."""
        return self._ids

    def name(self, number: int) -> Address:
        """Return the address of a number. Raises KeyError for one that was not learnt."""
        return self._names[number]

    def of_kpi(self, kpi: str, grain: str, dimension: str) -> Mapping[tuple[str, str], int]:
        """Return the numbers of a KPI's series, and of its parts', of one grain and dimension, by member and series."""
        return self._by_kpi.get((kpi, grain, dimension), {})

    def learn(self, rows: Iterable[tuple[int, Address]]) -> None:
        """Take in committed rows."""
        for number, address in rows:
            series, grain, dimension, member = address
            self._ids[address] = number
            self._names[number] = address
            self._by_kpi.setdefault((kpi_of(series), grain, dimension), {})[member, series] = number
            self._last = max(self._last, number)

    async def refresh(self, connection: Connection) -> None:
        """Learn what was committed since; call it on a connection that is not writing series itself."""
        rows = await connection.fetch(SQL.read_series, self._last)
        self.learn((row["id"], (row["kpi"], row["grain"], row["dimension"], row["member"])) for row in rows)


async def add(connection: Connection, addresses: Sequence[Address]) -> list[tuple[int, Address]]:
    """Number new addresses inside the caller's transaction; to be learnt after its commit."""
    columns = [list(column) for column in zip(*addresses, strict=True)]
    rows = await connection.fetch(SQL.add_series, *columns)
    return [(row["id"], (row["kpi"], row["grain"], row["dimension"], row["member"])) for row in rows]
