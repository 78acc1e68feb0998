"""Exact division: integers in, decimal text out, rounded half-even and only here."""


def half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator as the nearest integer; a half goes to the even one. The denominator is > 0."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def decimal_text(scaled: int, places: int) -> str:
    """Return scaled / 10**places with exactly that many places, for example (9766, 4) as "0.9766"."""
    sign = "-" if scaled < 0 else ""
    whole, part = divmod(abs(scaled), 10**places)
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"


def quotient_text(numerator: int, denominator: int, places: int) -> str:
    """Return numerator / denominator rounded half-even to that many places. The denominator is > 0."""
    return decimal_text(half_even(numerator * 10**places, denominator), places)
