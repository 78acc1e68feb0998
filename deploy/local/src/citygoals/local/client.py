"""The city's HTTP doors as the command line uses them: patient where waiting helps, plain about what does not."""

import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from citygoals.local.city_dir import LocalError
from citygoals.local.endpoints import key_from_environment, read_endpoints

PATIENCE_S = 120.0
_BUSY = frozenset((429, 500, 502, 503, 504))  # 500 as well: what is sent here may be repeated, and most faults pass
_DELAY_FIRST_S, _DELAY_MAX_S = 0.2, 5.0
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)

_ADVICE = {
    401: "The key is not known or was revoked; `citygoals keys list` shows which are valid.",
    403: "This key may not do that; `citygoals keys create` makes one that may.",
}


class City:
    """One city, reached over HTTP: that of a folder, or one whose endpoints are known. Safe for several threads."""

    def __init__(
        self, where: Path | Mapping[str, Any], *, key: str | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self.endpoints = read_endpoints(where) if isinstance(where, Path) else where
        self.given_key = key or key_from_environment()
        self._patience_s = patience_s
        self._http = httpx.Client(timeout=_TIMEOUT)
        self._closing = threading.Event()

    def close(self) -> None:
        """Give up what is being waited for, in every thread, and close the connections."""
        self._closing.set()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def url(self, service: str) -> str:
        """Return the address of a service. Raises LocalError where it is not known."""
        address = self.endpoints.get(service)
        if not isinstance(address, str):
            raise LocalError(
                f"where is {service}? Name the city's folder with --data, or set CITYGOALS_{service.upper()}_URL."
            )
        return address

    def key(self, role: str) -> str:
        """Return the key to use for a role: the one that was given, else the folder's own."""
        if self.given_key:
            return self.given_key
        credentials = self.endpoints.get("credentials", {})
        found = credentials.get(role)
        key = found.get("key") if isinstance(found, dict) else found
        if not isinstance(key, str):
            raise LocalError(
                f"no {role} key is known here: give one with --key-file, CITYGOALS_KEY or CITYGOALS_KEY_FILE."
            )
        return key

    def ask(self, service: str, path: str, *, role: str | None = None, method: str = "GET", **options: Any) -> Any:
        """Return the JSON of an answer. Raises LocalError that repeats what the city said was wrong."""
        headers = {"authorization": f"Bearer {self.key(role)}"} if role else {}
        headers |= options.pop("headers", {})
        answer = self.send(method, self.url(service) + path, headers=headers, **options)
        if not answer.is_success:
            raise LocalError(explain(answer))
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise LocalError(f"{answer.url} answers, but not as {service} does; is that its address?") from None

    def send(self, method: str, url: str, *, headers: Mapping[str, str], **options: Any) -> httpx.Response:
        """Send a request that is safe to repeat, again and again while the city is away or busy.

        Raises LocalError once that has lasted longer than the patience.
        """
        deadline, delay = time.monotonic() + self._patience_s, _DELAY_FIRST_S
        while True:
            answer, why = self.once(method, url, headers=headers, **options)
            if answer is not None and answer.status_code not in _BUSY:
                return answer
            pause = max(delay, _retry_after(answer)) * (1 + random.random() / 4)  # noqa: S311 - spreads retries, hides nothing
            if time.monotonic() + pause > deadline:
                raise LocalError(f"{url} did not answer for {self._patience_s:.0f} s: {why}. See `citygoals status`.")
            if self._closing.wait(pause):
                raise LocalError(f"{url}: given up while waiting ({why})")
            delay = min(2 * delay, _DELAY_MAX_S)

    def once(self, method: str, url: str, **options: Any) -> tuple[httpx.Response | None, str]:
        """Send a request a single time; returns its answer, or None and why there is none."""
        try:
            answer = self._http.request(method, url, **options)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise LocalError(f"{url!r} is not an address: {error}") from error
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__
        return answer, f"status {answer.status_code}"


def explain(answer: httpx.Response) -> str:
    """Return in one paragraph what an error answer (problem+json) says, and what to do."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    parts = [str(problem.get("title") or f"status {answer.status_code}"), str(problem.get("detail") or "")]
    parts += ["  " + mistake(item) for item in problem.get("errors", []) if isinstance(item, dict)]
    parts.append(_ADVICE.get(answer.status_code, ""))
    return "\n".join(part for part in parts if part)


def mistake(error: Mapping[str, Any]) -> str:
    """Return one of a problem's errors as `file:line:pointer: reason`, as far as it has them."""
    where = ":".join(str(error[name]) for name in ("file", "line", "pointer") if error.get(name))
    why = error.get("reason") or error.get("detail") or error
    return f"{where}: {why}" if where else str(why)


def _retry_after(answer: httpx.Response | None) -> float:
    said = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(float(said), _DELAY_MAX_S) if said.isdigit() else 0.0
