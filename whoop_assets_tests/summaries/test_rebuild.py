"""Trends and weeks after changes of daily summaries: rebuilt rows, and stale rows after a kill."""

import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from whoop_assets.db.database import Database
from whoop_assets.records.stale_days import STALE_TRENDS, STALE_WEEKS
from whoop_assets.summaries import rebuild
from whoop_assets.summaries import store as summary_store
from whoop_assets.summaries.rebuild import rebuild_stale_trends, rebuild_trends, rebuild_weeks
from whoop_assets.summaries.tables import DAILY, weekly_summary
from whoop_assets.summaries.tables import trends as trends_table
from whoop_assets.summaries.trends.windows import REACH_DAYS
from whoop_assets_tests.summaries.trends.days import day
from whoop_assets_tests.support.fixed_time import NOW

LENGTH = 130
ME, OTHER = 1, 2
MEMBERS = [ME, OTHER]
LATER = NOW + timedelta(hours=1)


def row(user_id, number, **changes):
    rng = random.Random(f"{user_id}/{number}")
    return dict.fromkeys(DAILY) | {
        "user_id": user_id,
        "day": day(number),
        "is_partial": False,
        "source": "api",
        "recovery_band": "green",
        "strain": round(rng.uniform(4, 18), 2),
        "kilojoule": 9000.0,
        "hrv_rmssd_milli": round(rng.uniform(40, 90), 3),
        "resting_heart_rate": float(rng.randint(48, 56)),
        **changes,
    }


def store(database, rows, *, members=MEMBERS, first=0, last=LENGTH, at=NOW):
    """Replace the daily rows of the days; return the number of changed rows."""
    with database.write(members) as connection:
        return summary_store.replace_daily_rows(connection, members, day(first), day(last), rows, at)


def everything(user_ids=MEMBERS):
    return [row(user_id, number) for user_id in user_ids for number in range(LENGTH)]


def stale(database, ledger=STALE_TRENDS):
    with database.read() as connection:
        return {(entry.user_id, entry.day) for entry in ledger.stale(connection)}


def kept(database, table=trends_table):
    """Return all rows by key, and the time of each row's last change."""
    with database.read() as connection:
        rows = [dict(found) for found in connection.execute(select(table)).mappings()]
    keys = [column.name for column in table.primary_key.columns]
    built = {tuple(found[name] for name in keys): found.pop("built_at") for found in rows}
    return {tuple(found[name] for name in keys): found for found in rows}, built


def build_everything(database):
    rebuild_trends(database, MEMBERS, day(0), day(LENGTH))
    monday = summary_store.monday(day(0))
    rebuild_weeks(database, MEMBERS, monday, monday + timedelta(weeks=20))


@pytest.fixture
def built(database):
    """A database with two members' days, trends and weeks."""
    store(database, everything())
    build_everything(database)
    assert stale(database) == stale(database, STALE_WEEKS) == set()
    return database


def test_new_days_are_stale_until_they_are_built(database):
    store(database, everything([ME]))
    assert stale(database) == {(ME, day(n)) for n in range(LENGTH)}
    assert all(monday.weekday() == 0 for _, monday in stale(database, STALE_WEEKS))
    build_everything(database)
    assert stale(database) == stale(database, STALE_WEEKS) == set()
    rows, _ = kept(database)
    assert set(rows) == {(ME, day(n)) for n in range(LENGTH)}
    assert rows[ME, day(LENGTH - 1)]["hrv_status"] is not None


def test_a_changed_day_rebuilds_exactly_the_days_that_depend_on_it(built, clock):
    before, _ = kept(built)
    changed = row(ME, 40, strain=20.9, hrv_rmssd_milli=20.0)
    assert store(built, [changed], members=[ME], first=40, last=40) == 1
    assert stale(built) == {(ME, day(40))}
    clock.advance(timedelta(hours=1))
    rebuild_trends(built, MEMBERS, day(40), day(40))
    after, built_at = kept(built)
    reached = {(ME, day(n)) for n in range(40, 40 + REACH_DAYS + 1)}
    assert {key for key, at in built_at.items() if at == LATER} == reached
    assert {key for key in after if after[key] != before[key]} == reached
    assert stale(built) == set()
    store(built, everything(), at=LATER)  # as it was
    rebuild_trends(built, MEMBERS, day(0), day(LENGTH))
    assert kept(built)[0] == before


def test_only_stale_days_are_rebuilt_without_requested_days(built, clock):
    store(built, [row(ME, 30, hrv_rmssd_milli=20.0)], members=[ME], first=30, last=30)
    store(built, [row(ME, 120, hrv_rmssd_milli=20.0)], members=[ME], first=120, last=120)
    with built.read() as connection:
        behind = STALE_TRENDS.stale(connection)
    clock.advance(timedelta(hours=1))
    assert rebuild_stale_trends(built, behind) == REACH_DAYS + 1 + LENGTH - 120
    _, built_at = kept(built)
    expected = [*range(30, 30 + REACH_DAYS + 1), *range(120, LENGTH)]
    assert {key for key, at in built_at.items() if at == LATER} == {(ME, day(n)) for n in expected}
    assert stale(built) == set()
    now = kept(built)[0]
    rebuild_trends(built, MEMBERS, day(0), day(LENGTH))
    assert kept(built)[0] == now


def test_a_deleted_day_loses_its_trends(built):
    store(built, [], members=[ME], first=LENGTH - 1, last=LENGTH - 1)
    assert stale(built) == {(ME, day(LENGTH - 1))}
    rebuild_trends(built, MEMBERS, day(LENGTH - 1), day(LENGTH - 1))
    rows, _ = kept(built)
    assert (ME, day(LENGTH - 1)) not in rows
    assert (OTHER, day(LENGTH - 1)) in rows


def test_a_change_before_the_requested_days_stays_stale(built):
    store(built, [row(ME, 40, strain=20.9)], members=[ME], first=40, last=40)
    rebuild_trends(built, MEMBERS, day(41), day(LENGTH))
    assert stale(built) == {(ME, day(40))}


def test_a_new_sync_time_alone_marks_nothing_stale(built):
    same = row(ME, 40, last_recovery_synced_at=LATER)
    assert store(built, [same], members=[ME], first=40, last=40) == 0
    assert stale(built) == stale(built, STALE_WEEKS) == set()


def test_building_again_changes_nothing(built):
    before = kept(built)
    assert rebuild_trends(built, MEMBERS, day(0), day(LENGTH)) == 0
    assert kept(built) == before


def test_batches_give_the_same_rows(built):
    whole = kept(built)[0]
    with built.write(MEMBERS) as connection:
        summary_store.replace_rows(connection, trends_table.c.day, MEMBERS, day(0), day(LENGTH), [], NOW)
    # A batch of days ends within the days that have rows, and a batch of members between the two members.
    others = range(min(MEMBERS) - rebuild.MAX_BATCH_MEMBERS + 1, min(MEMBERS))
    first = day(17 - rebuild.MAX_BATCH_DAYS)
    rebuild_trends(built, [*others, *MEMBERS], first, day(LENGTH))
    assert kept(built)[0] == whole


def test_a_change_during_the_rebuild_stays_stale(built, database_url):
    store(built, [row(ME, 40, strain=20.9)], members=[ME], first=40, last=40)
    changes = []

    def change(_connection, _cursor, statement, *_):
        """Let another thread change the day as soon as the rebuild has read it."""
        if not changes and statement.lstrip().upper().startswith("SELECT") and "daily_summary" in statement:
            changed = [row(ME, 40, strain=1.0)]
            changes.append(pool.submit(store, other, changed, members=[ME], first=40, last=40))

    other = Database(database_url)
    with ThreadPoolExecutor(1) as pool:
        event.listen(built.engine, "after_cursor_execute", change)
        rebuild_trends(built, MEMBERS, day(40), day(40))
        assert changes[0].result(60) == 1
    other.close()
    assert stale(built) == {(ME, day(40))}
    before, _ = kept(built)
    rebuild_trends(built, MEMBERS, day(40), day(40))
    assert kept(built)[0] != before
    assert stale(built) == set()


def test_a_week_is_rebuilt_when_one_of_its_days_changed(built, clock):
    before, _ = kept(built, weekly_summary)
    store(built, [row(ME, 40, strain=20.9)], members=[ME], first=40, last=40)
    monday = summary_store.monday(day(40))
    assert stale(built, STALE_WEEKS) == {(ME, monday)}
    clock.advance(timedelta(hours=1))
    assert rebuild_weeks(built, MEMBERS, monday, monday) == 1
    after, built_at = kept(built, weekly_summary)
    assert {key for key, at in built_at.items() if at == LATER} == {(ME, monday)}
    assert after[ME, monday]["strain_max"] == 20.9
    assert {key for key in after if after[key] != before[key]} == {(ME, monday)}


KILLED = """
import os, signal, sys
from datetime import date
from sqlalchemy import event
from whoop_assets.summaries.rebuild import rebuild_trends
from whoop_assets.db.database import Database

database = Database(sys.argv[1])
remaining = int(sys.argv[2])

def statement(*_):
    global remaining
    remaining -= 1
    if remaining == 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(database.engine, "after_cursor_execute", statement)
rebuild_trends(database, [1, 2], date(2026, 1, 1), date(2026, 12, 31))
print("built, with statements left:", remaining)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_the_days_stale(database, database_url):
    """Kill a process at each statement in turn, until a process completes."""
    store(database, [row(ME, number) for number in range(20)], members=[ME])
    behind = stale(database)
    assert behind
    for statements in (3, 5, 6, 7, 99):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, database_url, str(statements)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert stale(database) == behind
        assert kept(database)[0] == {}
    else:
        pytest.fail("no process lived to its end")
    assert stale(database) == set()
    assert len(kept(database)[0]) == 20
