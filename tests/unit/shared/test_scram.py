"""PostgreSQL's SCRAM verifier."""

from citygoals.shared.scram import scram_verifier


def test_a_known_vector() -> None:
    # Made by PostgreSQL 18 itself for this password and salt.
    assert scram_verifier("pencil", b"0123456789abcdef").startswith("SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$")


def test_each_has_its_own_salt() -> None:
    assert scram_verifier("pencil") != scram_verifier("pencil")
