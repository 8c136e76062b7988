"""Daily summaries from a simulated member's export equal those from the API, within the export's precision.

The half year until November contains clock changes in New York, Berlin and London, journeys, naps, days with
two cycles and days without the strap.
"""

import math
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from whoop_assets.app_export.tables import IMPORTED_TABLES
from whoop_assets.db.database import Database
from whoop_assets.records import tables as record_tables
from whoop_assets.summaries.daily.exported import NOT_EXPORTED, OF_NAPS, OF_WORKOUTS
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.summaries.record_columns import CYCLE_SCORE
from whoop_assets.summaries.tables import DAILY_COLUMNS
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.support.data.app_exports import daily_by_day
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.marks import slow
from whoop_simulator.world.app_export import NAMES, VARIANTS, files_of

DAYS, MEMBERS, SEED = 190, 3, 7
FIRST = TODAY - timedelta(days=DAYS + 10)  # some members have a stray cycle six days before their first

NOT_COMPARED = {"user_id", "source", "built_at"}
SECOND = timedelta(seconds=1)
KCAL = 0.5 * 4.184 + 1e-6
ROUNDED = {
    # Half of the last digit in the export
    "strain": 0.05,
    "kilojoule": KCAL,
    "average_heart_rate": 0.5,
    "max_heart_rate": 0.5,
    "recovery_score": 0.5,
    "hrv_rmssd_milli": 0.5,
    "resting_heart_rate": 0.5,
    "spo2_percentage": 0.005,
    "skin_temp_celsius": 0.05,
    "sleep_duration_minutes": 1.5,  # sum of three stages
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


def tolerance(name, row):
    """Return the largest allowed difference between the values of export and API, given the API's row."""
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


def differences(api_row, export_row, *, without=()):
    """Return the columns whose values differ by more than rounding, with both values."""
    different = {}
    for name in DAILY_COLUMNS:
        if name in NOT_COMPARED or name in without:
            continue
        api, export = api_row[name], export_row[name]
        if isinstance(api, datetime) and isinstance(export, datetime):
            same = timedelta(0) <= api - export < SECOND
        elif isinstance(api, int | float) and isinstance(export, int | float):
            same = math.isclose(api, export, abs_tol=tolerance(name, api_row) + 1e-9, rel_tol=0)
        else:
            same = api == export
        if not same:
            different[name] = (api, export)
    return different


@pytest.fixture(scope="module")
def half_year(tmp_path_factory):
    """The simulator's records, and the daily summaries from the API by member and day."""
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
def empty_database(sqlite_url):
    database = Database(sqlite_url, ManualClock(NOW))
    yield database
    database.close()


def by_file_name(files):
    """Return the files by name, as from a zip or folder."""
    return {path.rpartition("/")[2]: content for path, content in files.items()}


MISSING_COLUMNS = {
    # Variant of the export -> further columns without values
    "no-distance": {"distance_meter"},
    "no-sleeps": set(OF_NAPS),
    "no-workouts": set(OF_WORKOUTS),
}


@pytest.mark.parametrize("variant", [*VARIANTS[:2], *slow(*VARIANTS[2:])])
@pytest.mark.parametrize("member_index", [0, *slow(1, 2)])
def test_summaries_from_the_export_equal_those_from_the_api(half_year, empty_database, member_index, variant):
    truth, by_member = half_year
    user_id = list(truth)[member_index]
    if variant not in ("full", "no-sleeps") and member_index:
        pytest.skip("one member is enough for variants of the files")
    result = import_export(empty_database, by_file_name(files_of(truth[user_id], variant)), None)
    assert result.rejected == [] and result.user_id == -1
    api_rows, export_rows = by_member[user_id], daily_by_day(empty_database)
    assert {row["source"] for row in export_rows.values()} == {"export"}
    # The export has a row for each day with a cycle, and for no other day.
    assert set(export_rows) == {day for day, row in api_rows.items() if row["cycle_id"] is not None}
    missing = set(NOT_EXPORTED) | MISSING_COLUMNS.get(variant, set())
    different = {}
    for day, row in export_rows.items():
        open_day = set(CYCLE_SCORE) if api_rows[day]["cycle_end_time"] is None else set()
        found = differences(api_rows[day], row, without=missing | open_day)
        if found:
            different[day] = found
    assert different == {}
    for name in missing:
        assert {row[name] for row in export_rows.values()} == {None}


def test_the_half_year_contains_the_special_cases(half_year):
    truth, by_member = half_year
    days = [row for rows in by_member.values() for row in rows.values()]
    assert any(row["cycle_count"] > 1 for row in days)
    assert sum(row["nap_count"] for row in days) > 20
    assert any(row["sleep_id"] is None for row in days)
    for records in truth.values():
        offsets = {cycle["timezone_offset"] for cycle in records["cycles"]}
        assert len(offsets) > 2  # a journey and a clock change
    assert any("Z" in {cycle["timezone_offset"] for cycle in records["cycles"]} for records in truth.values())
    files = files_of(next(iter(truth.values())))
    columns = {name: len(content.split(b"\n")[0].split(b",")) for name, content in files.items()}
    assert [columns[NAMES[kind]] for kind in NAMES] == [26, 18, 20, 6]


@pytest.mark.slow
@pytest.mark.parametrize("member_index", [0, 1, 2])
def test_exactly_the_records_in_both_sources_are_matched(half_year, member_index, sqlite_url):
    truth, _ = half_year
    world = frozen_world(members=MEMBERS, days=DAYS, seed=SEED)
    with at_home(sqlite_url, world, connect=False) as home:
        user_id = world.user_ids[member_index]
        home.connect(user_id)
        since = TODAY - timedelta(days=40)
        home.load(since, TODAY)
        rebuild_days(
            home.database, [user_id], FIRST, TODAY
        )  # WHOOP also returns records around the requested days
        before = daily_by_day(home.database, user_id)
        result = import_export(home.database, by_file_name(files_of(truth[user_id])), user_id)
        after = daily_by_day(home.database, user_id)
        # Loaded days have only values of the API. Of the days around them the API read the cycles only.
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
                assert result.kinds[kind].matched == len(ids)
        # After loading all days, no value comes from the export.
        home.load_and_summarise(FIRST, TODAY)
        complete = daily_by_day(home.database, user_id)
        assert {row["source"] for row in complete.values()} == {"api"}
