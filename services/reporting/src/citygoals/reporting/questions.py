"""What can be wrong with a question; the doors turn these into 404 and 400, the pages into words."""

from typing import Any


class Unknown(LookupError):  # noqa: N818  # reads as what it is: raise Unknown(...)
    """There is no such thing; `allowed` says what there is."""

    def __init__(self, detail: str, **allowed: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.allowed = allowed


class Misread(ValueError):  # noqa: N818
    """A parameter that cannot be read; `allowed` says what can."""

    def __init__(self, detail: str, **allowed: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.allowed = allowed
