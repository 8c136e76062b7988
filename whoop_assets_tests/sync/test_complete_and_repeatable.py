"""A load stores every record once on its day, costs little more than its pages, and can be repeated."""

import random
from datetime import date, timedelta

import pytest

from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import KEY, RECORDS, at_home, days_of, frozen_world
from whoop_assets_tests.support.marks import slow

FIRST = TODAY - timedelta(days=39)


@pytest.mark.parametrize("seed", [1, *slow(2, 3)])
def test_every_record_of_the_requested_days_is_stored_on_its_day(database_url, seed):
    """Members at home in five zones, travellers and a night worker among them."""
    with at_home(database_url, frozen_world(members=5, seed=seed)) as home:
        home.load_and_summarise(FIRST, TODAY)
        for user_id in home.members:
            truth = home.truth(user_id)
            for stream, days in days_of(truth).items():
                stored = home.rows(stream)
                for record in truth[stream]:
                    day = days[record[KEY[stream]]]
                    if day is not None and FIRST <= day <= TODAY:
                        row = stored[record[KEY[stream]]]
                        assert row["payload"] == record
                        assert row["day"] == day


def test_a_year_costs_at_most_a_tenth_more_than_the_minimal_pages(sqlite_url):
    first = TODAY - timedelta(days=364)
    with at_home(sqlite_url, frozen_world(days=380, seed=3)) as home:
        before = home.world.requests
        home.load_and_summarise(first, TODAY)
        requests = home.world.requests - before
        least = 0
        for stream in RECORDS:
            inside = sum(first <= row["day"] <= TODAY for row in home.rows(stream).values())
            least += -(-inside // 25)
        assert requests <= 1.10 * least


def test_repeating_a_load_changes_nothing_but_synced_at(database_url):
    with at_home(database_url, frozen_world()) as home:
        home.load_and_summarise(FIRST, TODAY)
        before = home.contents(without={"synced_at", "last_recovery_synced_at"})
        versions = home.rows("record_versions")
        home.advance(timedelta(seconds=1))
        results = home.load_and_summarise(FIRST, TODAY)
        assert home.contents(without={"synced_at", "last_recovery_synced_at"}) == before
        assert home.rows("record_versions") == versions
        assert sum(result.total("created") + result.total("changed") for result in results) == 0
        assert all(
            row["synced_at"] > home.clock.now() - timedelta(seconds=1)
            for row in home.rows("cycles").values()
            if row["day"] >= FIRST
        )


@pytest.mark.parametrize("seed", [11, *slow(12, 13)])
def test_a_load_after_edits_deletions_and_rescores_equals_a_fresh_load(
    database_url, other_database_url, seed
):
    world = frozen_world(seed=seed)
    with at_home(database_url, world) as home:
        home.load_and_summarise(FIRST, TODAY)
        world.random_edits(home.member, count=40, seed=seed)
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(FIRST, TODAY)
        edited = home.contents(FIRST, TODAY)
    with at_home(other_database_url, world) as fresh:
        fresh.clock.advance(timedelta(seconds=2))
        fresh.load_and_summarise(FIRST, TODAY)
        assert edited == fresh.contents(FIRST, TODAY)


@pytest.mark.parametrize("seed", [21, *slow(22, 23)])
def test_days_loaded_one_by_one_in_any_order_equal_one_load_of_the_range(
    database_url, other_database_url, seed
):
    world = frozen_world(members=3, seed=seed)
    first = TODAY - timedelta(days=13)
    with at_home(database_url, world) as home:
        home.load_and_summarise(first, TODAY)
        at_once = home.contents(first, TODAY)
    with at_home(other_database_url, world) as home:
        pieces = [(stream, first + timedelta(days=n)) for stream in RECORDS for n in range(14)]
        random.Random(seed).shuffle(pieces)
        for stream, day in pieces:
            home.load(day, day, [stream])
        home.load_and_summarise(TODAY, TODAY)
        rebuild_days(home.database, home.members, first, TODAY)
        assert home.contents(first, TODAY) == at_once


@pytest.mark.parametrize("stream", ["sleeps", "recoveries", "workouts"])
def test_one_asset_alone_gives_the_right_rows_for_any_day(database_url, other_database_url, stream):
    world = frozen_world(seed=5)
    first, last = TODAY - timedelta(days=12), TODAY - timedelta(days=8)
    with at_home(database_url, world) as home:
        for back in (10, 8, 12, 11, 9):
            home.load(TODAY - timedelta(days=back), TODAY - timedelta(days=back), [stream])
        alone = home.contents(first, last)[stream]
    with at_home(other_database_url, world) as home:
        home.load(FIRST, TODAY)
        expected = home.contents(first, last)[stream]
    if stream == "recoveries":
        # Its times come from its sleep, which was not loaded; the day does not.
        for row in (*alone.values(), *expected.values()):
            del row["start_time"], row["end_time"]
    assert alone == expected
    assert len(alone) > 2


def test_a_second_load_of_the_same_run_reads_no_page_again(sqlite_url):
    with at_home(sqlite_url, frozen_world()) as home:
        home.clock.advance(1)
        since = home.clock.now()
        home.load(FIRST, TODAY, since=since)
        before = home.world.requests
        results = home.load(FIRST, TODAY, since=since)
        # Only the time since the first load is read: one page per stream.
        assert home.world.requests - before <= len(results)


def test_a_day_in_a_gap_does_not_depend_on_distant_cycles(new_database_url):
    """Cycles known from January and November bound no day in June: the ones around it have to be read."""
    world = frozen_world(days=400, seed=3, zones=("America/New_York",))
    (user_id,) = world.user_ids
    for cycle in world.truth(user_id)["cycles"]:
        if "2026-06-04" <= cycle["start"][:10] <= "2026-06-12":
            world.delete(user_id, "cycles", cycle["id"])
    template = world.truth(user_id)["workouts"][0]
    for day, key in (("2026-06-09", 14), ("2026-06-08", 15)):
        times = {"start": f"{day}T04:30:00.000Z", "end": f"{day}T05:00:00.000Z"}
        world.add(user_id, "workouts", template | times | {"id": f"00000000-0000-4000-8000-0000000000{key}"})
    days = []
    for far_away in (False, True):
        with at_home(new_database_url("sqlite"), world) as home:
            if far_away:
                home.load(date(2026, 1, 1), date(2026, 1, 3))
                home.load(date(2026, 11, 18), date(2026, 11, 20))
            home.load(date(2026, 6, 8), date(2026, 6, 8))
            days.append(
                {key: row["day"] for key, row in home.rows("workouts").items() if key.startswith("0000")}
            )
    assert days[0] == days[1]
    assert len(days[0]) == 1
