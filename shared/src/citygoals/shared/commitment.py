"""Commitment (being built)."""

from citygoals.shared.model import KebabId, Model


class Commitment(Model):
    """One commitment."""

    id: KebabId
