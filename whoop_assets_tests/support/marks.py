"""Marks that several tests share."""

from typing import Any

import pytest


def slow(*values: Any) -> list[Any]:
    """Parameters whose tests run among the slow ones: `@pytest.mark.parametrize("seed", [1, *slow(2, 3)])`."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]
