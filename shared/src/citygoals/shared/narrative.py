"""Narrative (being built)."""

from citygoals.shared.model import KebabId, Model


class Narrative(Model):
    """One narrative."""

    id: KebabId
