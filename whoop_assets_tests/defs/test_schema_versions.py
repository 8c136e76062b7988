"""Runs and ticks on a database of another version, and on one whose derived columns an upgrade has
changed."""

from datetime import date, timedelta

import dagster as dg
import pytest
from sqlalchemy import Column, Double, MetaData, delete, text

from whoop_assets import schema
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors import stale_summaries
from whoop_assets.derived_versions import VERSIONS
from whoop_assets.summaries import daily_store, rebuild
from whoop_assets.summaries.daily import daily_rows
from whoop_assets.summaries.tables import daily_summary
from whoop_assets_tests.schema.next_release import add_migration


@pytest.mark.parametrize(
    ("version", "way_out"),
    [("9999", "install the newer whoop-assets"), ("0004", "set WHOOP_DATABASE_URL to a new database")],
)
def test_a_database_of_another_version_fails_runs_and_ticks_with_the_way_out(project, version, way_out):
    with project(days=3) as p:
        with p.home.database.write() as connection:
            connection.execute(text("update whoop_schema_version set version_num = :v"), {"v": version})
        result = p.run(p.today, p.today, "cycles")
        assert not result.success
        failed = [event for event in result.all_events if event.is_step_failure]
        said = failed[0].step_failure_data.error.to_string()
        assert f"has schema {version}" in said
        assert way_out in said
        assert p.home.rows("cycles") == {}
        with (
            dg.build_sensor_context(
                instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
            ) as context,
            pytest.raises(Exception) as error,
        ):
            stale_summaries.build(NAMESPACE).evaluate_tick(context)
        assert way_out in f"{error.value} {error.value.__cause__}"


def add_column(tmp_path, monkeypatch):
    """Let the program be one that has another column in `daily_summary`: migration, table, computation and
    version."""
    add_migration(
        tmp_path, monkeypatch, 'op.add_column("daily_summary", sa.Column("strain_of_100", sa.Double()))'
    )
    table = daily_summary.to_metadata(MetaData())
    table.append_column(Column("strain_of_100", Double))

    def rows(*frames, **options):
        found = daily_rows(*frames, **options)
        for row in found:
            row["strain_of_100"] = None if row["strain"] is None else row["strain"] / 21 * 100
        return found

    monkeypatch.setattr(daily_store, "daily_summary", table)
    monkeypatch.setattr(rebuild, "daily_rows", rows)
    monkeypatch.setitem(VERSIONS, "daily_summary", VERSIONS["daily_summary"] + 1)
    return table


def stored(database, table):
    """All rows but for the time at which they were built."""
    with database.read() as connection:
        rows = connection.execute(table.select().order_by(table.c.user_id, table.c.day)).mappings()
        return [{name: row[name] for name in row if name != "built_at"} for row in rows]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_sensor_builds_a_new_column_in_every_old_row(project, tmp_path, monkeypatch, kind):
    with project(kind, members=2, days=12) as p:
        assert p.run(p.today - timedelta(days=11), p.today).success
        table = add_column(tmp_path, monkeypatch)
        assert schema.upgrade(p.home.database).outdated == ["daily_summary"]
        old = stored(p.home.database, table)
        assert len(old) > 20
        assert {row["strain_of_100"] for row in old} == {None}
        with dg.build_sensor_context(
            instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
        ) as context:
            (request,) = stale_summaries.build(NAMESPACE).evaluate_tick(context).run_requests
        asked = [
            date.fromisoformat(request.tags[f"dagster/asset_partition_range_{side}"])
            for side in ("start", "end")
        ]
        assert p.run(*asked, *(key.path[-1] for key in request.asset_selection)).success
        rebuilt = stored(p.home.database, table)
        with p.home.database.write() as connection:
            connection.execute(delete(table))
        rebuild.rebuild_days(p.home.database, p.home.members, *asked)
        assert rebuilt == stored(p.home.database, table)
        assert sum(row["strain_of_100"] is not None for row in rebuilt) > 20
