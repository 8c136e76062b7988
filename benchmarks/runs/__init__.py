"""Dagster runs: overhead, and backfills from the UI and in production."""
