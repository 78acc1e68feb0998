"""A kpi that kills itself, as `kill -9` would, when it comes to a step: `python -m integration.kpi.killed_at before:<function>`."""

import importlib
import os
import runpy
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any


def arm(step: str) -> None:
    """Kill this process `before` or `after` a function, named as `module:[Class.]function`, is called the first time."""
    when, module, path = step.split(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(f"citygoals.kpi.{module}")
    for one in owners:
        owner = getattr(owner, one)
    setattr(owner, name, _deadly(getattr(owner, name), when))


def _deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    @wraps(function)
    async def deadly(*arguments: Any, **options: Any) -> None:
        if when == "after":
            await function(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return deadly


if __name__ == "__main__":
    arm(sys.argv[1])
    runpy.run_module("citygoals.kpi", run_name="__main__")
