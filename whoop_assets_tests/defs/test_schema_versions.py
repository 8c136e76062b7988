"""Runs and ticks on a database of another schema version, and after an upgrade with a new summary column."""

from datetime import timedelta

import pytest
from sqlalchemy import Column, Double, MetaData, delete, text

from whoop_assets import schema
from whoop_assets.defs.sensors.summaries import stale_summaries
from whoop_assets.derived_versions import VERSIONS
from whoop_assets.summaries import rebuild, store
from whoop_assets.summaries.daily.rows import daily_rows
from whoop_assets.summaries.tables import daily_summary
from whoop_assets_tests.defs.dagster_project import requested_days
from whoop_assets_tests.schema.next_release import add_migration
from whoop_assets_tests.support.marks import slow


@pytest.mark.parametrize(
    ("version", "remedy"),
    [("9999", "install the newer whoop-assets"), ("0004", "set WHOOP_DATABASE_URL to a new database")],
)
def test_another_schema_version_fails_runs_and_ticks_with_a_remedy(project, version, remedy):
    with project(days=3) as p:
        with p.home.database.write() as connection:
            connection.execute(text("update whoop_schema_version set version_num = :v"), {"v": version})
        result = p.run(p.today, p.today, "cycles")
        assert not result.success
        failed = [event for event in result.all_events if event.is_step_failure]
        message = failed[0].step_failure_data.error.to_string()
        assert f"has schema {version}" in message
        assert remedy in message
        assert p.home.rows("cycles") == {}
        with pytest.raises(Exception) as error:
            p.tick(stale_summaries)
        assert remedy in f"{error.value} {error.value.__cause__}"


def add_column(tmp_path, monkeypatch):
    """Adds a column to `daily_summary`: migration, table, computation and version, as in a new release."""
    add_migration(
        tmp_path, monkeypatch, 'op.add_column("daily_summary", sa.Column("strain_of_100", sa.Double()))'
    )
    table = daily_summary.to_metadata(MetaData())
    table.append_column(Column("strain_of_100", Double))

    def rows(*records):
        found = daily_rows(*records)
        for row in found:
            row["strain_of_100"] = None if row["strain"] is None else row["strain"] / 21 * 100
        return found

    monkeypatch.setattr(store, "daily_summary", table)
    monkeypatch.setattr(rebuild, "daily_rows", rows)
    monkeypatch.setitem(VERSIONS, "daily_summary", VERSIONS["daily_summary"] + 1)
    return table


def stored_rows(database, table):
    """Returns all rows without `built_at`."""
    with database.read() as connection:
        rows = connection.execute(table.select().order_by(table.c.user_id, table.c.day)).mappings()
        return [{name: row[name] for name in row if name != "built_at"} for row in rows]


@pytest.mark.parametrize("kind", ["sqlite", *slow("postgresql")])
def test_after_an_upgrade_the_sensor_fills_a_new_column_in_every_row(project, tmp_path, monkeypatch, kind):
    with project(kind, members=2, days=12) as p:
        assert p.run(p.today - timedelta(days=11), p.today).success
        table = add_column(tmp_path, monkeypatch)
        assert schema.upgrade(p.home.database).outdated == ["daily_summary"]
        old = stored_rows(p.home.database, table)
        assert len(old) > 20
        assert {row["strain_of_100"] for row in old} == {None}
        (request,) = p.tick(stale_summaries).run_requests
        assert p.execute(request).success
        rebuilt = stored_rows(p.home.database, table)
        with p.home.database.write() as connection:
            connection.execute(delete(table))
        rebuild.rebuild_days(p.home.database, p.home.members, *requested_days(request))
        assert rebuilt == stored_rows(p.home.database, table)
        assert sum(row["strain_of_100"] is not None for row in rebuilt) > 20
