"""The export of a simulated member against the API's rows of the same member: day by day the same, as far as
it can tell.

Half a year until November: the clocks change in New York, Berlin and London, everybody travels, naps, and has
days with two cycles and days without the strap.
"""

import math
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from whoop_assets.app_export.tables import IMPORTED_TABLES
from whoop_assets.clock import ManualClock
from whoop_assets.db.database import Database
from whoop_assets.records import tables as record_tables
from whoop_assets.summaries import tables as summary_tables
from whoop_assets.summaries.columns import DAILY_COLUMNS
from whoop_assets.summaries.daily.exported import NOT_EXPORTED, OF_NAPS, OF_WORKOUTS
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.summaries.record_columns import CYCLE_SCORE
from whoop_assets.sync.export_import.import_export import import_export
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world
from whoop_assets_tests.support.marks import slow
from whoop_simulator.world.app_export import NAMES, VARIANTS, files_of

DAYS, MEMBERS, SEED = 190, 3, 7
FIRST = TODAY - timedelta(days=DAYS + 10)  # some begin with a stray cycle, six days before the first

OURS = {"user_id", "source", "built_at"}
SECOND = timedelta(seconds=1)
KCAL = 0.5 * 4.184 + 1e-6
ROUNDED = {
    # Half of the last digit that the app shows.
    "strain": 0.05,
    "kilojoule": KCAL,
    "average_heart_rate": 0.5,
    "max_heart_rate": 0.5,
    "recovery_score": 0.5,
    "hrv_rmssd_milli": 0.5,
    "resting_heart_rate": 0.5,
    "spo2_percentage": 0.005,
    "skin_temp_celsius": 0.05,
    "sleep_duration_minutes": 1.5,  # of three stages
    "in_bed_minutes": 0.5,
    "awake_minutes": 0.5,
    "light_minutes": 0.5,
    "slow_wave_minutes": 0.5,
    "rem_minutes": 0.5,
    "sleep_needed_minutes": 0.5,
    "sleep_debt_minutes": 0.5,
    "sleep_performance_percentage": 0.5,
    "sleep_efficiency_percentage": 0.5,
    "sleep_consistency_percentage": 0.5,
    "respiratory_rate": 0.05,
    "workout_strain_max": 0.05,
}


def allowed(name, row):
    """How far the export's value may be from the API's, given the API's row."""
    if name in ROUNDED:
        return ROUNDED[name]
    workouts, naps = row["workout_count"], row["nap_count"]
    if name == "nap_minutes":
        return 1.5 * naps
    if name == "workout_minutes":
        return workouts / 60 + 1e-6
    if name == "workout_kilojoule":
        return KCAL * workouts
    if name == "distance_meter":
        return 0.05 * workouts + 1e-6
    if name.startswith("zone_"):
        return 0.005 * row["workout_minutes"] * 60_000 + 1000 * workouts
    return 0


def differing(given, exported, *, without=()):
    """Column -> both values, where they are further apart than rounding explains."""
    found = {}
    for name in DAILY_COLUMNS:
        if name in OURS or name in without:
            continue
        theirs, ours = given[name], exported[name]
        if isinstance(theirs, datetime) and isinstance(ours, datetime):
            same = timedelta(0) <= theirs - ours < SECOND
        elif isinstance(theirs, int | float) and isinstance(ours, int | float):
            same = math.isclose(theirs, ours, abs_tol=allowed(name, given) + 1e-9, rel_tol=0)
        else:
            same = theirs == ours
        if not same:
            found[name] = (theirs, ours)
    return found


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """The world, and by member and day the API's rows of it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('api') / 'api.db'}"
    world = frozen_world(members=MEMBERS, days=DAYS, seed=SEED)
    with at_home(url, world) as home:
        home.load_and_summarise(FIRST, TODAY)
        rows = home.rows("daily_summary")
        truth = {user_id: home.truth(user_id) for user_id in world.user_ids}
    by_member = {user_id: {} for user_id in world.user_ids}
    for (user_id, day), row in rows.items():
        by_member[user_id][day] = row
    return truth, by_member


@pytest.fixture
def fresh(sqlite_url):
    database = Database(sqlite_url, ManualClock(NOW))
    yield database
    database.close()


def named(files):
    """As a zip or a folder gives them: by the file's name."""
    return {path.rpartition("/")[2]: content for path, content in files.items()}


def daily(database, user_id):
    with database.read() as connection:
        c = summary_tables.daily_summary.c
        rows = connection.execute(select(summary_tables.daily_summary).where(c.user_id == user_id)).mappings()
        return {row["day"]: dict(row) for row in rows}


CANNOT_SAY = {
    # Variant -> the further columns that it cannot give.
    "no-distance": {"distance_meter"},
    "no-sleeps": set(OF_NAPS),
    "no-workouts": set(OF_WORKOUTS),
}


@pytest.mark.parametrize("variant", [*VARIANTS[:2], *slow(*VARIANTS[2:])])
@pytest.mark.parametrize("place", [0, *slow(1, 2)])
def test_day_by_day_the_export_says_what_the_api_says(lived, fresh, place, variant):
    truth, by_member = lived
    user_id = list(truth)[place]
    if variant not in ("full", "no-sleeps") and place:
        pytest.skip("the other variants differ in their files, not in whose days they are about")
    done = import_export(fresh, named(files_of(truth[user_id], variant)), None)
    assert done.rejected == [] and done.user_id == -1
    given, exported = by_member[user_id], daily(fresh, -1)
    assert {row["source"] for row in exported.values()} == {"export"}
    # What lies outside of every cycle of the export is not in it; a cycle is on every day that the API has
    # one.
    assert set(exported) == {day for day, row in given.items() if row["cycle_id"] is not None}
    cannot = set(NOT_EXPORTED) | CANNOT_SAY.get(variant, set())
    wrong = {}
    for day, row in exported.items():
        open_day = set(CYCLE_SCORE) if given[day]["cycle_end_time"] is None else set()
        found = differing(given[day], row, without=cannot | open_day)
        if found:
            wrong[day] = found
    assert wrong == {}
    for name in cannot:
        assert {row[name] for row in exported.values()} == {None}


def test_the_half_year_has_everything_that_makes_days_difficult(lived):
    truth, by_member = lived
    days = [row for rows in by_member.values() for row in rows.values()]
    assert any(row["cycle_count"] > 1 for row in days)
    assert sum(row["nap_count"] for row in days) > 20
    assert any(row["sleep_id"] is None for row in days)
    for records in truth.values():
        offsets = {cycle["timezone_offset"] for cycle in records["cycles"]}
        assert len(offsets) > 2  # a journey, and the clocks
    assert any("Z" in {cycle["timezone_offset"] for cycle in records["cycles"]} for records in truth.values())
    some = files_of(next(iter(truth.values())))
    columns = {name: len(content.split(b"\n")[0].split(b",")) for name, content in some.items()}
    assert [columns[NAMES[kind]] for kind in NAMES] == [26, 18, 20, 6]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_record_that_is_in_both_is_matched_and_nothing_else(lived, place, sqlite_url):
    truth, _ = lived
    world = frozen_world(members=MEMBERS, days=DAYS, seed=SEED)
    with at_home(sqlite_url, world, connect=False) as home:
        user_id = world.user_ids[place]
        home.connect(user_id)
        since = TODAY - timedelta(days=40)
        home.load(since, TODAY)
        rebuild_days(home.database, [user_id], FIRST, TODAY)  # WHOOP gives neighbours of what it is asked for
        before = daily(home.database, user_id)
        done = import_export(home.database, named(files_of(truth[user_id])), user_id)
        after = daily(home.database, user_id)
        # The days that were read are the API's entirely; of their neighbours it read the cycles alone.
        margin = {day: row for day, row in before.items() if day < since}
        assert {day: after[day] for day in before.keys() - margin} == {
            day: before[day] for day in before.keys() - margin
        }
        assert {row["source"] for day, row in after.items() if day not in before} == {"export"}
        assert margin
        for day, row in margin.items():
            assert row["workout_count"] is None
            assert (after[day]["source"], after[day]["strain"]) == ("mixed", row["strain"])
        assert min(after) < since < max(after)
        with home.database.read() as connection:
            for kind in ("cycles", "sleeps", "workouts"):
                c, r = IMPORTED_TABLES[kind].c, record_tables.RECORD_TABLES[kind].c
                pairs = {
                    row.matched_id: row for row in connection.execute(select(c.matched_id, c.start_time))
                }
                ids = {row.id: row for row in connection.execute(select(r.id, r.start_time))}
                assert set(pairs) - {None} == set(ids)
                assert all(timedelta(0) <= ids[i].start_time - pairs[i].start_time < SECOND for i in ids)
                assert done.kinds[kind].matched == len(ids)
        # Read the rest too: no day is the export's any more.
        home.load_and_summarise(FIRST, TODAY)
        whole = daily(home.database, user_id)
        assert {row["source"] for row in whole.values()} == {"api"}
