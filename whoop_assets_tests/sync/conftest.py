"""A second database of the same kind, for tests that compare two ways to the same data."""

from collections.abc import Callable

import pytest


@pytest.fixture
def other_database_url(database_kind: str, new_database_url: Callable[..., str]) -> str:
    return new_database_url(database_kind)
