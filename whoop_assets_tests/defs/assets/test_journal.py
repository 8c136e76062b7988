"""The journal's two assets, run by Dagster: built from what was imported, once more for the same, and on
time."""

import dagster as dg

from whoop_assets.definitions import defs
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.journal.tables import journal_effects
from whoop_assets.summaries import tables
from whoop_assets.sync.export_import.import_export import import_export
from whoop_assets_tests.defs.conftest import job_of_assets
from whoop_simulator.world.app_export import files_of

ROWS = 3 * 4 * 2
"""Questions, outcomes and lags."""

KEYS = [dg.AssetKey(["whoop", name]) for name in ("journal", "journal_effects")]


def tick(p):
    with dg.build_schedule_context(instance=p.instance, resources={"whoop": WhoopResource()}) as context:
        (follow_journal,) = (one for one in defs.schedules if one.name == "follow_journal")
        return follow_journal.evaluate_tick(context)


def test_the_journal_is_rebuilt_by_its_assets_and_asked_for_once_there_is_one(project):
    with project(members=1) as p:
        assert tick(p).run_requests == []
        member = p.home.member
        import_export(p.home.database, files_of(p.home.truth()), member)
        assert len(tick(p).run_requests) == 1
        before = p.home.rows("journal")
        assert before and {row["user_id"] for row in before.values()} == {member}
        # Something changes on a day with answers: the next run puts it right.
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
        told = {}
        for key in KEYS:
            event = p.instance.get_latest_materialization_event(key)
            told[key.path[-1]] = {
                name: value.value for name, value in event.asset_materialization.metadata.items()
            }
        assert told["journal"]["dagster/row_count"] == len(after)
        assert told["journal"]["changed"] == sum(key[1] == day for key in before)
        assert told["journal_effects"]["dagster/row_count"] == ROWS
