"""The assets `journal` and `journal_effects`, and the schedule that builds them."""

import dagster as dg
import pytest

from whoop_assets.journal.tables import journal_effects
from whoop_assets.summaries import tables
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.defs.dagster_project import job_of_assets
from whoop_simulator.world.app_export import files_of

ROWS = 3 * 4 * 2
"""Questions, outcomes and lags, multiplied."""

KEYS = [dg.AssetKey(["whoop", name]) for name in ("journal", "journal_effects")]


@pytest.mark.slow
def test_the_journal_assets_rebuild_changed_days_and_are_scheduled_after_an_import(project):
    with project(members=1) as p:
        assert p.schedule_tick("follow_journal").run_requests == []
        member = p.home.member
        import_export(p.home.database, files_of(p.home.truth()), member)
        assert len(p.schedule_tick("follow_journal").run_requests) == 1
        before = p.home.rows("journal")
        assert before and {row["user_id"] for row in before.values()} == {member}
        # Change the outcome of a day with answers; the next run rebuilds that day.
        day = min(row["day"] for row in before.values())
        with p.home.database.write([member]) as connection:
            c = tables.daily_summary.c
            connection.execute(tables.daily_summary.update().where(c.day == day).values(recovery_score=1.0))
            connection.execute(journal_effects.delete())
        result = job_of_assets().execute_in_process(instance=p.instance, asset_selection=KEYS)
        assert result.success
        after = p.home.rows("journal")
        assert {key for key in after if after[key] != before[key]} == {key for key in before if key[1] == day}
        assert len(p.home.rows("journal_effects")) == ROWS
        metadata = {}
        for key in KEYS:
            event = p.instance.get_latest_materialization_event(key)
            metadata[key.path[-1]] = {
                name: value.value for name, value in event.asset_materialization.metadata.items()
            }
        assert metadata["journal"]["dagster/row_count"] == len(after)
        assert metadata["journal"]["changed"] == sum(key[1] == day for key in before)
        assert metadata["journal_effects"]["dagster/row_count"] == ROWS
