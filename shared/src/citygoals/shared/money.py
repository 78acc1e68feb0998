"""Money: an integer of minor units and its ISO 4217 currency. Never a float, never a mixed sum."""

import re
from dataclasses import dataclass

AMOUNT_MINOR_MAX = 10**15
"""The largest amount of one event, in minor units: ten trillion dollars, so that a slip of the pen is refused."""

_CURRENCY = re.compile(r"[A-Z]{3}\Z")

# ISO 4217 minor-unit exponents that are not 2; every other currency has two decimals.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's smallest unit, for example Money(1999, "USD") for 19.99 dollars."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise TypeError(f"an amount is an integer of minor units, not {self.minor!r}")
        if not _CURRENCY.match(self.currency):
            raise ValueError(f"a currency is three capital letters of ISO 4217, not {self.currency!r}")

    @property
    def exponent(self) -> int:
        """How many decimals the currency has: 2 for USD, 0 for JPY, 3 for KWD."""
        return _EXPONENTS.get(self.currency, 2)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        sign = "-" if self.minor < 0 else ""
        whole, part = divmod(abs(self.minor), 10**self.exponent)
        decimals = f".{part:0{self.exponent}d}" if self.exponent else ""
        return f"{sign}{whole}{decimals} {self.currency}"

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added: convert first, at a stated rate")
        return other.minor
