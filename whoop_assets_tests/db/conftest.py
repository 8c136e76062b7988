"""Runs each test on SQLite and on PostgreSQL."""

from whoop_assets_tests.support.both_databases import database_kind

__all__ = ["database_kind"]
