"""A service in two steps: what takes longest, its imports, at once; the service itself when it is let go.

So the services of a city load while its servers start and its database is brought up to date.
"""

import gc
import importlib
import os
import runpy
import sys


def main(service: str) -> None:
    """Import a service's wiring, wait for the end of standard input, then be that service."""
    gc.disable()  # while loading nearly everything stays, so looking for garbage is lost time
    importlib.import_module(f"citygoals.{service}.app")
    gc.freeze()
    gc.enable()
    while os.read(sys.stdin.fileno(), 1):
        pass
    sys.argv[:] = [f"citygoals.{service}"]
    runpy.run_module(f"citygoals.{service}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
