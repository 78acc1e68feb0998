"""How far a value has come towards its target, as an exact fraction, and what that is called.

Everything here is integers: a figure is evaluated inside the transaction that changes it, and `Fraction` arithmetic
would take several times as long.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import NamedTuple

NO_DATA = "NO_DATA"
STALE = "STALE"
BASELINING = "BASELINING"
ON_TRACK = "ON_TRACK"
NEAR = "NEAR"
OFF_TRACK = "OFF_TRACK"

STATUSES = (NO_DATA, STALE, BASELINING, ON_TRACK, NEAR, OFF_TRACK)
"""In the order in which they are tried: the first that fits is the status."""


class Ratio(NamedTuple):
    """An exact fraction in lowest terms; the denominator is above zero."""

    numerator: int
    denominator: int


def ratio(numerator: int, denominator: int) -> Ratio:
    """Return numerator / denominator in lowest terms. The denominator is above zero."""
    common = gcd(numerator, denominator)
    return Ratio(numerator // common, denominator // common)


ONE = Ratio(1, 1)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A target as exact numbers, and the way in which a value is held against it."""

    polarity: str
    value: Fraction
    low: Fraction
    high: Fraction
    zero_attainment: Fraction
    tolerance: Fraction
    baseline: Fraction | None = None

    def attainment(self, numerator: int, denominator: int) -> Ratio:
        """Return what the value numerator / denominator attains, uncapped; 1 is the target reached.

        up: value / target. down: target / value, and the declared attainment at zero (or below). band: 1 inside,
        below it value / low, above it high / value. With a baseline: the way that was made over the way to make. The
        denominator is not zero.
        """
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        if self.baseline is not None:
            made = Fraction(numerator, denominator) - self.baseline
            return Ratio(*_parts(made / (self.value - self.baseline)))
        if self.polarity == "up":
            return _over(numerator, denominator, self.value)
        if self.polarity == "down":
            return _under(numerator, denominator, self.value) if numerator > 0 else Ratio(*_parts(self.zero_attainment))
        if numerator * self.low.denominator < self.low.numerator * denominator:
            return _over(numerator, denominator, self.low)
        if numerator * self.high.denominator <= self.high.numerator * denominator:
            return ONE
        return _under(numerator, denominator, self.high)

    def status(self, attainment: Ratio) -> str:
        """Return the status of an attainment, compared on the exact fraction, never on a rounded one.

        ON_TRACK from 1, NEAR from 1 - tolerance, OFF_TRACK below.
        """
        numerator, denominator = attainment
        if numerator >= denominator:
            return ON_TRACK
        whole = self.tolerance.denominator
        is_near = numerator * whole >= denominator * (whole - self.tolerance.numerator)
        return NEAR if is_near else OFF_TRACK


def _over(numerator: int, denominator: int, target: Fraction) -> Ratio:
    """Value over target; a band may start at zero, and what lies below that attains nothing."""
    return ratio(numerator * target.denominator, denominator * target.numerator) if target else Ratio(0, 1)


def _under(numerator: int, denominator: int, target: Fraction) -> Ratio:
    """Target over value."""
    return ratio(denominator * target.numerator, numerator * target.denominator)


def _parts(value: Fraction) -> tuple[int, int]:
    return value.numerator, value.denominator
