"""Values of a day for each combination of read streams and exports: from the API, from the export, or NULL.

docs/data-dictionary.md contains the same table.
"""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.import_export import import_export
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.summaries.daily.naive_daily import naive_daily_rows, naive_unknown
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, days_of, frozen_world
from whoop_simulator.world.app_export import NAMES, files_of

FIRST = TODAY - timedelta(days=12)
DAYS = [FIRST + timedelta(days=n) for n in range(12)]
"""Closed days: today's cycle is open."""

STREAMS = ("sleeps", "recoveries", "workouts")
SCOPE = {"sleeps": "read:sleep", "recoveries": "read:recovery", "workouts": "read:workout"}
PATH = {"sleeps": "/v2/activity/sleep", "recoveries": "/v2/recovery", "workouts": "/v2/activity/workout"}

API, EXPORT, UNKNOWN = "the API's values", "the export's values", "NULL"

# How the stream was read -> by export: none, one with physiological_cycles.csv alone, one with every file.
# Of recoveries and main sleeps physiological_cycles.csv tells; naps and workouts have their own files.
TABLE = {
    "read": (API, API, API),
    "not granted": (UNKNOWN, UNKNOWN, EXPORT),
    "failed": (UNKNOWN, UNKNOWN, EXPORT),
    "not read yet": (UNKNOWN, UNKNOWN, EXPORT),
}
EXPORTS = ("no export", "cycles alone", "every file")
CELLS = [(how, export, TABLE[how][place]) for how in TABLE for place, export in enumerate(EXPORTS)]


def test_the_data_dictionary_has_this_table():
    text = (Path(__file__).parents[3] / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    lines = text.partition("#### Unknown is NULL, never 0")[2].partition("\n| --- ")[2].splitlines()[1:5]
    documented = {}
    for line in lines:
        how, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        name = next(name for name in ("not granted", "failed", "not read yet", "read") if name in how)
        documented[name] = tuple(
            next(kind for kind in (API, EXPORT, UNKNOWN) if cell.startswith(kind.removesuffix(" values")))
            for cell in cells
        )
    assert documented == TABLE


def summaries(home):
    return {day: row for (_, day), row in home.rows("daily_summary").items() if day in DAYS}


def of_truth(home):
    """Return WHOOP's naps, workouts and main sleeps of each day, and the recovery of each main sleep."""
    truth, days = home.truth(), days_of(home.truth())
    naps = Counter(days["sleeps"][sleep["id"]] for sleep in truth["sleeps"] if sleep["nap"])
    workouts = Counter(days["workouts"][workout["id"]] for workout in truth["workouts"])
    nights = {sleep["id"]: days["sleeps"][sleep["id"]] for sleep in truth["sleeps"] if not sleep["nap"]}
    scores = {
        nights[recovery["sleep_id"]]: recovery["score"]["recovery_score"]
        for recovery in truth["recoveries"]
        if recovery["sleep_id"] in nights and recovery["score"]
    }
    return naps, workouts, set(nights.values()), scores


def brought(home, streams, how):
    """Load the member's cycles, and these streams in this way."""
    if how == "failed":
        for stream in streams:
            home.world.inject_fault("status", status=500, count=None, path_prefix=PATH[stream])
    wanted = [stream for stream in STREAMS if not (how == "not read yet" and stream in streams)]
    home.load(FIRST, TODAY, ["cycles", *wanted])


def imported(home, export):
    files = files_of(home.truth())
    if export == "cycles alone":
        files = {name: content for name, content in files.items() if name == NAMES["cycles"]}
    if export != "no export":
        import_export(home.database, files, home.member)
    rebuild_days(home.database, home.members, FIRST, TODAY)


def at_a_members(sqlite_url, streams, how):
    left_out = {SCOPE[stream] for stream in streams} if how == "not granted" else set()
    home = at_home(sqlite_url, frozen_world(days=30, seed=17), connect=False)
    return home, [scope for scope in SCOPES if scope not in left_out]


@pytest.mark.parametrize(("how", "export", "cell"), CELLS)
def test_naps_and_workouts(sqlite_url, how, export, cell):
    made, scopes = at_a_members(sqlite_url, ["sleeps", "workouts"], how)
    with made as home:
        home.connect(home.world.user_ids[0], scopes)
        brought(home, ["sleeps", "workouts"], how)
        imported(home, export)
        naps, workouts, _, _ = of_truth(home)
        rows = summaries(home)
        assert set(rows) == set(DAYS)
        assert any(naps[day] for day in DAYS)
        assert any(workouts[day] for day in DAYS)
        assert not all(workouts[day] for day in DAYS)
        for day, row in rows.items():
            known = cell != UNKNOWN
            assert row["nap_count"] == (naps[day] if known else None)
            assert row["workout_count"] == (workouts[day] if known else None)
            for name in ("nap_minutes", "workout_minutes"):
                assert (row[name] is not None) is known
            if not known or not workouts[day]:
                assert row["sports"] is row["workout_strain_max"] is row["distance_meter"] is None
            assert row["cycle_count"] == 1
            assert row["cycle_id"] is not None


@pytest.mark.parametrize(("how", "export", "cell"), CELLS)
def test_main_sleeps_and_recoveries(sqlite_url, how, export, cell):
    # physiological_cycles.csv holds both, so this export alone fills them.
    cell = EXPORT if how != "read" and export == "cycles alone" else cell
    made, scopes = at_a_members(sqlite_url, ["sleeps", "recoveries"], how)
    with made as home:
        home.connect(home.world.user_ids[0], scopes)
        brought(home, ["sleeps", "recoveries"], how)
        imported(home, export)
        naps, _, nights, scores = of_truth(home)
        for day, row in summaries(home).items():
            has = cell != UNKNOWN
            assert (row["sleep_start_time"] is not None) is (has and day in nights)
            assert (row["recovery_score"] is not None) is (has and day in scores)
            if row["recovery_score"] is not None:
                assert row["recovery_score"] == pytest.approx(scores[day], abs=0.5)
            assert (row["sleep_id"] is not None) is (cell == API and day in nights)
            assert row["cycle_id"] is not None
            filled = cell == EXPORT and (day in nights or (naps[day] and export == "every file"))
            assert row["source"] == ("mixed" if filled else "api")


@pytest.mark.parametrize("stream", STREAMS)
def test_an_export_fills_only_the_stream_that_failed(sqlite_url, stream):
    with at_home(sqlite_url, frozen_world(days=30, seed=17)) as home:
        brought(home, [stream], "failed")
        imported(home, "every file")
        filled = summaries(home)
        home.world.clear_faults()
        home.load_and_summarise(FIRST, TODAY)
        whole = summaries(home)
        assert {row["source"] for row in whole.values()} == {"api"}
        of_day = Counter(row["day"] for row in home.rows("recoveries").values())
        for day, row in whole.items():
            for name in ("nap_count", "workout_count", "sleep_start_time", "recovery_band", "sports"):
                if stream == "sleeps" and name == "recovery_band" and of_day[day] > 1:
                    continue  # a nap's and the night's, and no sleep of the API's says which is which
                had, has = filled[day][name], row[name]
                if name == "sleep_start_time" and has is not None:
                    has = has.replace(microsecond=0) if stream == "sleeps" else has
                assert had == has, (day, name)
        assert home.rows("stale_days") == {}


def test_a_day_that_was_read_before_it_ended_is_unknown_once_its_cycle_has_closed(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=30, seed=17)) as home:
        for workout in home.truth()["workouts"]:
            home.world.delete(home.member, "workouts", workout["id"])
        home.advance(timedelta(hours=8))  # to the middle of the member's day
        home.load_and_summarise(FIRST, TODAY)
        key = max(home.rows("daily_summary"))
        assert home.rows("daily_summary")[key]["workout_count"] == 0
        home.advance(timedelta(days=2))
        later = TODAY + timedelta(days=2)
        home.load(later, later, ["cycles"])
        rebuild_days(home.database, home.members, FIRST, later)
        closed = home.rows("daily_summary")[key]
        assert closed["cycle_end_time"] is not None
        assert closed["workout_count"] is None


def test_reading_a_stream_that_has_nothing_marks_its_days_as_stale(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=30, seed=17)) as home:
        home.load(FIRST, TODAY, ["cycles"])
        rebuild_days(home.database, home.members, FIRST - timedelta(days=5), TODAY)
        for workout in home.truth()["workouts"]:
            home.world.delete(home.member, "workouts", workout["id"])
        assert home.rows("stale_days") == {}
        home.load(FIRST, TODAY, ["workouts"])
        assert {day for _, day in home.rows("stale_days")} >= set(DAYS)
        rebuild_days(home.database, home.members, FIRST, TODAY)
        assert {row["workout_count"] for row in summaries(home).values()} == {0}


@pytest.mark.parametrize("seed", [1, 6, 17])
def test_partly_read_days_have_the_counts_of_the_written_rule(sqlite_url, seed):
    rng = random.Random(seed)
    with at_home(sqlite_url, frozen_world(days=40, seed=seed)) as home:
        for _ in range(6):
            first = TODAY - timedelta(days=rng.randint(3, 30))
            last = first + timedelta(days=rng.randint(0, 3))
            home.load(first, last, rng.sample(["cycles", *STREAMS], 2))
            home.advance(timedelta(hours=rng.randint(1, 9)))
        rebuild_days(home.database, home.members, TODAY - timedelta(days=60), TODAY)
        records = {stream: list(home.rows(stream).values()) for stream in RECORDS}
        latest = {home.member: max(records["cycles"], key=lambda cycle: cycle["start_time"])["id"]}
        expected = naive_unknown(
            naive_daily_rows(*(records[stream] for stream in RECORDS), latest),
            records["cycles"],
            list(home.rows("coverage").values()),
        )
        names = ("nap_count", "nap_minutes", "workout_count", "workout_minutes")
        stored = {day: row for (_, day), row in home.rows("daily_summary").items()}
        with_cycle = {row["day"] for row in records["cycles"]}
        wrong = {
            row["day"]: [(name, stored[row["day"]][name], row[name]) for name in names]
            for row in expected
            if row["day"] in with_cycle
            and any(stored[row["day"]][name] != pytest.approx(row[name]) for name in names)
        }
        assert wrong == {}
        counts = {row["workout_count"] is None for row in stored.values()}
        assert counts == {True, False}
