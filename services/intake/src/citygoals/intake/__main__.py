"""`python -m citygoals.intake`."""

from citygoals.intake.app import main
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.ops import run
from citygoals.shared.settings import load

if __name__ == "__main__":
    settings = load(IntakeSettings)
    run(lambda: main(settings))
