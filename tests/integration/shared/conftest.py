"""These tests need only the schema that shared itself brings."""

import pytest


@pytest.fixture
def schemas() -> tuple[str, ...]:
    return ("access",)
