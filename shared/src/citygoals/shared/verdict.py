"""Failure as a table: kind of error x attempt -> verdict. Pure; used by the batch loops and by FastStream alike."""

from dataclasses import dataclass

from citygoals.shared.errors import Conflict, Malformed, Unavailable

RETRY_FIRST_S = 0.2
RETRY_MOST_S = 30.0
# A dependency may be away for as long as it likes. An error that nobody foresaw is tried a few times, since most of
# those are races that pass, and is then put where a person sees it.
ATTEMPTS_UNFORESEEN = 5

# SQLSTATE classes and codes that a later attempt can cure: connection, transaction rollback, resources, shutdown.
_PASSING_SQLSTATE_CLASSES = frozenset({"08", "40", "53", "58"})
_PASSING_SQLSTATES = frozenset({"57014", "57P01", "57P02", "57P03", "55P03", "25006"})


@dataclass(frozen=True, slots=True)
class Ack:
    """Done."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver it again after `delay_s` seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Put it aside with the reason, and go on."""

    reason: str


Verdict = Ack | Retry | Quarantine


def retry_delay_s(attempt: int) -> float:
    """Return the seconds to wait after failed `attempt` (from 1): 0.2 doubling up to 30."""
    return min(RETRY_MOST_S, RETRY_FIRST_S * 2.0 ** min(attempt - 1, 10))


def verdict(error: BaseException | None, attempt: int) -> Verdict:
    """Say what becomes of a message whose `attempt`-th delivery (from 1) ended with `error` (None: it went well).

    Raises:
        Conflict: the given error, when going on would make things worse.
    """
    if error is None:
        return Ack()
    if isinstance(error, Conflict):
        raise error
    if isinstance(error, Malformed):
        return Quarantine(f"malformed: {error}")
    if is_passing(error) or attempt < ATTEMPTS_UNFORESEEN:
        return Retry(retry_delay_s(attempt))
    return Quarantine(f"failed {attempt} times: {type(error).__name__}")


def is_passing(error: BaseException) -> bool:
    """Tell whether `error` says that something is away for now; knows errors by their SQLSTATE, not by their driver."""
    if isinstance(error, Unavailable | OSError):  # TimeoutError and ConnectionError are OSErrors
        return True
    code = getattr(error, "sqlstate", None)
    return isinstance(code, str) and (code in _PASSING_SQLSTATES or code[:2] in _PASSING_SQLSTATE_CLASSES)
