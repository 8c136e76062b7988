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


@contextmanager
def instance_in(folder: Path) -> Iterator[dg.DagsterInstance]:
    """Open an instance with its state in the folder."""
    with dg.instance_for_test(
        temp_dir=str(folder), overrides={"event_log_storage": event_log(folder)}
    ) as instance:
        yield instance
