"""`python -m citygoals.local` is `citygoals`."""

from citygoals.local.cli import main

main()
