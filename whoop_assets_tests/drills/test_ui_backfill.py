"""A backfill from the Dagster UI, with the real simulator, web server, daemon and run processes."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from whoop_assets.schema import metadata, open_database
from whoop_assets_tests.support.deployments.dagster_ui import ASSETS, new_ui_home
from whoop_assets_tests.support.deployments.simulator_process import (
    SimulatedWhoop,
    last_days,
    simulator_process,
)
from whoop_assets_tests.support.deployments.ui_backfill import NAME, backfill, connect, serving

pytestmark = [pytest.mark.drill, pytest.mark.machine_time]

DAYS = int(os.environ.get("DRILL_DAYS", "120"))
SUMMARIES = ("daily_summary", "trends")
SEED = 7  # a member with naps on every fourth day and up to five workouts per day


@pytest.fixture
def stage() -> Iterator[SimulatedWhoop]:
    with simulator_process(members=1, days=DAYS + 15, seed=SEED) as running:
        yield running


def test_a_backfill_from_the_ui_is_one_run_without_repeated_requests(
    stage: SimulatedWhoop, tmp_path: Path
) -> None:
    first, last = last_days(stage, DAYS)
    home = new_ui_home(tmp_path / "dagster")
    with serving(stage, home) as ui:
        connect(stage)
        result = backfill(stage, ui, first, last)
        log = (home / "dev.log").read_text(errors="replace")
        assert result.status == "COMPLETED_SUCCESS", log[-3000:]
        assert len(result.runs) == 1
        assert result.sent.ratio <= 1.10, "\n".join(result.sent.lines())
        assert_read_once(ui.materialized())
        assert "database is locked" not in log
    assert summary_days(stage, first, last) == cycle_days(stage, first, last)
    assert (
        len(summary_days(stage, first, last)) > DAYS * 0.9
    )  # The member does not wear the strap on a few days.

    with serving(stage, home) as ui:  # restarted with the same Dagster home
        assert ui.backfill(result.backfill_id)["status"] == "COMPLETED_SUCCESS"
        assert {run["id"]: run["status"] for run in ui.runs()}[result.runs[0]] == "SUCCESS"
        assert_read_once(ui.materialized())


def assert_read_once(materialized: dict[str, tuple[int, int]]) -> None:
    """Asserts that each asset has exactly the requested days and no failed partition."""
    # Neighbouring days are read too, and the sensor requests their summaries.
    additional = {name: materialized[name][0] - DAYS for name in SUMMARIES}
    assert all(0 <= more <= 3 for more in additional.values()), additional
    assert materialized == {name: (DAYS + additional.get(name, 0), 0) for name in ASSETS}


def summary_days(stage: SimulatedWhoop, first: date, last: date) -> set[date]:
    """The requested days with a summary."""
    return {day for day in _days(stage, "daily_summary") if first <= day <= last}


def cycle_days(stage: SimulatedWhoop, first: date, last: date) -> set[date]:
    """The requested days on which the member wore the strap."""
    return {day for day in _days(stage, "cycles") if first <= day <= last}


def _days(stage: SimulatedWhoop, table: str) -> set[date]:
    database = open_database(stage.with_database(NAME))
    try:
        with database.read() as connection:
            return set(connection.execute(select(metadata.tables[table].c.day)).scalars())
    finally:
        database.close()
