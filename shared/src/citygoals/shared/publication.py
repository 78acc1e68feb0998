"""Publication (being built)."""

from citygoals.shared.model import KebabId, Model


class Publication(Model):
    """One publication."""

    id: KebabId
