"""The three ways in which work can fail; each class says what is to be done about it."""


class Malformed(ValueError):  # noqa: N818 - reads as a verdict: `raise Malformed(...)`
    """The input itself is wrong and will be wrong again: quarantine it and go on."""


class Unavailable(Exception):  # noqa: N818
    """Something this work depends on is away: try again later, nothing was decided."""


class Conflict(Exception):  # noqa: N818
    """Two parts of the city disagree about what happened: stop, a person must look."""
