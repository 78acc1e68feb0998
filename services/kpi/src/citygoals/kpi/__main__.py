"""`python -m citygoals.kpi`: settings from the environment, then the service until SIGTERM."""

from citygoals.kpi.app import main
from citygoals.kpi.settings import KpiSettings
from citygoals.shared.ops import run
from citygoals.shared.settings import load

if __name__ == "__main__":
    settings = load(KpiSettings)
    run(lambda: main(settings))
