"""Fixture that runs each test of a package on SQLite and on PostgreSQL; a conftest imports it."""

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
