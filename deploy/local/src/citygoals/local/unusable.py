"""What an import says about a record that it leaves out."""


class Unusable(ValueError):  # noqa: N818 - reads as a verdict, like Malformed
    """A record from which no event can be made; the message says why."""
