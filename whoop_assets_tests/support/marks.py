"""Marks for parameters of tests."""

from typing import Any

import pytest


def slow(*values: Any) -> list[Any]:
    """Mark parameters as slow: `@pytest.mark.parametrize("seed", [1, *slow(2, 3)])`."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]
