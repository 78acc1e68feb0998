"""`python -m citygoals.notify`: settings from the environment, then the service until SIGTERM."""

from citygoals.notify.app import main
from citygoals.notify.settings import NotifySettings
from citygoals.shared.ops import run
from citygoals.shared.settings import load

if __name__ == "__main__":
    settings = load(NotifySettings)
    run(lambda: main(settings))
