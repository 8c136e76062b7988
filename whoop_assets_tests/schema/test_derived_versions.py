"""Versions of derived tables: an upgrade marks stale what an older version of the program computed."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, insert, select

from whoop_assets import schema
from whoop_assets.derived_versions import VERSIONS
from whoop_assets.errors import SchemaMismatch
from whoop_assets.journal.tables import journal_effects
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS
from whoop_assets.summaries import store, tables
from whoop_assets_tests.support.data.factories import MEMBER, NOW

OTHER = MEMBER + 1
MONDAY = date(2026, 3, 2)
LEDGERS = {"daily_summary": STALE_DAYS, "trends": STALE_TRENDS, "weekly_summary": STALE_WEEKS}
ROW = {"is_partial": False, "built_at": NOW}
WEEK = {"iso_year": 2026, "iso_week": 10}
EFFECT = {"question": "Alcohol?", "outcome": "recovery_score", "lag_days": 0}


def summary(user_id, day):
    return {"user_id": user_id, "day": day}


def build(connection):
    """Rows of every derived table: two members, two days and one week of each."""
    for user_id in (MEMBER, OTHER):
        for day in (MONDAY, MONDAY + timedelta(days=1)):
            connection.execute(insert(tables.daily_summary), ROW | summary(user_id, day))
            connection.execute(insert(tables.trends), ROW | summary(user_id, day))
        connection.execute(
            insert(tables.weekly_summary), ROW | WEEK | {"user_id": user_id, "week_start": MONDAY}
        )
        values = {"user_id": user_id, "difference_unit": "points", "verdict": "strong", "built_at": NOW}
        connection.execute(insert(journal_effects), EFFECT | values)


def stale(connection):
    """Table -> the member-days in its ledger."""
    return {
        name: {(entry.user_id, entry.day) for entry in ledger.stale(connection)}
        for name, ledger in LEDGERS.items()
    }


DAYS = {(user_id, MONDAY + timedelta(days=n)) for user_id in (MEMBER, OTHER) for n in (0, 1)}
ROWS = {"daily_summary": DAYS, "trends": DAYS, "weekly_summary": {(MEMBER, MONDAY), (OTHER, MONDAY)}}


@pytest.mark.parametrize("name", VERSIONS)
def test_an_upgrade_marks_all_rows_of_a_table_with_an_older_version(database, monkeypatch, name):
    with database.write() as connection:
        build(connection)
    monkeypatch.setitem(VERSIONS, name, VERSIONS[name] + 1)
    for refuse in (schema.check, schema.prepare):
        with pytest.raises(
            SchemaMismatch,
            match=f"The table {name} has version {VERSIONS[name] - 1}, .*`whoop-assets db upgrade`",
        ):
            refuse(database)
    assert schema.upgrade(database).outdated == [name]
    schema.check(database)
    with database.read() as connection:
        assert stale(connection) == {table: ROWS[table] if table == name else set() for table in LEDGERS}
        # Effects of the journal have no ledger: they are built again because they are missing.
        effects = connection.scalar(select(func.count()).select_from(journal_effects))
        assert effects == (0 if name == "journal_effects" else 2)
    assert schema.upgrade(database).outdated == []


def test_a_build_that_began_before_the_upgrade_leaves_its_days_stale(database, monkeypatch):
    new_day = MONDAY + timedelta(days=9)
    with database.write() as connection:
        build(connection)
        STALE_DAYS.mark(connection, MEMBER, [MONDAY, new_day], NOW)
        read = STALE_DAYS.stale(connection)
    monkeypatch.setitem(VERSIONS, "daily_summary", VERSIONS["daily_summary"] + 1)
    schema.upgrade(database)
    with database.write() as connection:
        STALE_DAYS.clear(connection, read)
        assert stale(connection)["daily_summary"] == DAYS | {(MEMBER, new_day)}


def test_a_program_with_an_older_version_is_refused_and_writes_no_rows(database, monkeypatch):
    with database.write() as connection:
        build(connection)
    with monkeypatch.context() as newer:
        newer.setitem(VERSIONS, "daily_summary", VERSIONS["daily_summary"] + 1)
        schema.upgrade(database)
    for refuse in (schema.check, schema.prepare, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="install the newer whoop-assets"):
            refuse(database)
    # A process that was running during the upgrade checks nothing before it writes.
    with pytest.raises(SchemaMismatch, match="newer"), database.write([MEMBER]) as connection:
        store.replace_daily_rows(connection, [MEMBER], MONDAY, MONDAY, [], NOW)
    with database.read() as connection:
        assert stale(connection)["daily_summary"] == DAYS
        assert connection.scalar(select(func.count()).select_from(tables.daily_summary)) == len(DAYS)


def test_a_new_database_has_the_current_versions_and_nothing_stale(database):
    schema.check(database)
    with database.read() as connection:
        assert stale(connection) == {name: set() for name in LEDGERS}
