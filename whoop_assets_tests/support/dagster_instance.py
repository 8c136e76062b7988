"""Dagster instances of tests, with the event log storage of the project's dagster.yaml."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg


def event_log(folder: Path) -> dict[str, Any]:
    """The section of dagster.yaml that stores events in batches, in Dagster's default files."""
    return {
        "module": "whoop_assets.defs.event_log_storage",
        "class": "BatchedSqliteEventLogStorage",
        "config": {"base_dir": str(folder / "history" / "runs")},
    }


def in_postgres(url: str) -> dict[str, Any]:
    """The sections of dagster.yaml that keep events, runs and ticks in PostgreSQL, as in production."""
    storages = {
        "event_log_storage": (
            "whoop_assets.defs.postgres_event_log_storage",
            "BatchedPostgresEventLogStorage",
        ),
        "run_storage": ("dagster_postgres", "PostgresRunStorage"),
        "schedule_storage": ("dagster_postgres", "PostgresScheduleStorage"),
    }
    return {
        section: {"module": module, "class": name, "config": {"postgres_url": url}}
        for section, (module, name) in storages.items()
    }


@contextmanager
def instance_in(folder: Path, postgres_url: str | None = None) -> Iterator[dg.DagsterInstance]:
    """Open an instance with its state in the folder, or with its storages in that database."""
    storages = {"event_log_storage": event_log(folder)} if postgres_url is None else in_postgres(postgres_url)
    with dg.instance_for_test(temp_dir=str(folder), overrides=storages) as instance:
        yield instance
