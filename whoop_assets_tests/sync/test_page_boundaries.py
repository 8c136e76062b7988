"""Page boundaries that move during a read: no record is missed or wrongly deleted.

WHOOP's cursor is an offset, so after a deletion every later record moves to the previous position.
"""

import shutil
from datetime import timedelta

import pytest

from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import KEY, at_home, days_of, frozen_world
from whoop_assets_tests.support.marks import slow

FIRST = TODAY - timedelta(days=69)
LAST_DAY = TODAY - timedelta(days=1)


def delete(world, user_id, stream, record):
    world.delete(user_id, stream, record[KEY[stream]])


def delete_three(world, user_id, stream, record):
    """Delete the record and the two records before it."""
    records = world.truth(user_id)[stream]
    index = records.index(record)
    for deleted in records[max(0, index - 2) : index + 1]:
        world.delete(user_id, stream, deleted[KEY[stream]])


def add_one_more(world, user_id, stream, record):
    """Add a record after the given one, so that older records move to the next position."""
    if stream in ("sleeps", "workouts"):
        added = {"start": record["end"], "end": record["end"]}
        world.add(user_id, stream, added | ({"nap": True} if stream == "sleeps" else {}))
    else:
        cycle = world.truth(user_id)["cycles"][1]
        world.add(user_id, "sleeps", {"start": cycle["start"], "end": cycle["start"], "nap": True})


CHANGES = [delete, delete_three, add_one_more]


@pytest.fixture(scope="module")
def pages(sqlite_template, tmp_path_factory):
    """Return the number of pages of each stream."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("pages") / "whoop.db")
    counts = {}
    with at_home(f"sqlite:///{path}", frozen_world(days=80, seed=4)) as home:
        for stream in STREAMS:
            before = home.world.requests
            home.load(FIRST, LAST_DAY, [stream])
            counts[stream] = home.world.requests - before
    return counts


@pytest.mark.parametrize("change", [*slow(delete), delete_three, add_one_more])
@pytest.mark.parametrize("stream", STREAMS)
def test_a_change_after_the_first_or_before_the_last_page_loses_no_record(
    new_database_url, pages, stream, change
):
    assert pages[stream] >= 3
    for read_before, position in ((1, 0), (pages[stream] - 1, 24)):
        with at_home(new_database_url("sqlite"), frozen_world(days=80, seed=4)) as home:
            load_during_change(home, stream, change, read_before, position)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_change_between_any_two_pages_loses_no_record(new_database_url, pages, stream, change):
    for read_before in range(1, pages[stream]):
        for position in (0, 24):
            with at_home(new_database_url("sqlite"), frozen_world(days=80, seed=4)) as home:
                load_during_change(home, stream, change, read_before, position)


def load_during_change(home, stream, change, read_before, position):
    """Load the stream, and change the record at `position` after `read_before` pages."""
    world, user_id = home.world, home.member
    if stream != "cycles":
        home.load(FIRST, LAST_DAY, ["cycles"])
    before = world.requests
    record = world.truth(user_id)[stream][position]

    def change_data(number, _path, _query):
        if number == before + read_before + 1:
            world.before_request = None
            change(world, user_id, stream, record)

    world.before_request = change_data
    known_before = keys_of_the_days(world.truth(user_id), stream)
    home.load(FIRST, LAST_DAY, [stream])
    assert world.before_request is None, "the data did not change"
    truth = world.truth(user_id)
    expected = keys_of_the_days(truth, stream)

    # Records that existed all the time are stored, and no existing record is marked as deleted.
    stored = home.rows(stream)
    assert (known_before & expected) - stored.keys() == set()
    with_deleted = home.rows(stream, deleted=True)
    existing = {record[KEY[stream]] for record in truth[stream]}
    assert not [key for key, row in with_deleted.items() if row["deleted_at"] is not None and key in existing]

    # The next load reads the change too.
    home.advance(timedelta(seconds=1))
    home.load(FIRST, LAST_DAY, ["cycles", stream] if stream != "cycles" else [stream])
    stored_later = {key for key, row in home.rows(stream).items() if FIRST <= row["day"] <= LAST_DAY}
    assert expected - stored_later == set()
    assert stored_later <= existing


def keys_of_the_days(truth, stream):
    """Return the keys of the simulator's records on the requested days."""
    days = days_of(truth)[stream]
    return {key for key, day in days.items() if day is not None and FIRST <= day <= LAST_DAY}


def test_a_rejected_record_at_the_end_of_a_page_loses_no_record(sqlite_url):
    # The load continues with the time of the last valid record, because the rejected one has none.
    with at_home(sqlite_url, frozen_world(days=80, seed=4)) as home:
        world, user_id = home.world, home.member
        workouts = world.truth(user_id)["workouts"]
        assert len(workouts) > 30
        world.edit(user_id, "workouts", workouts[24]["id"], {"sport_name": None})
        home.load(FIRST, TODAY, ["cycles"])
        pages = []

        def delete_before_second_page(_number, path, _query):
            pages.append(path)
            if pages.count("/v2/activity/workout") == 2:
                world.before_request = None
                world.delete(user_id, "workouts", workouts[3]["id"])

        world.before_request = delete_before_second_page
        home.load(FIRST, TODAY, ["workouts"])
        assert world.before_request is None
        expected = keys_of_the_days(world.truth(user_id), "workouts")
        assert workouts[24]["id"] in expected
        assert expected - home.rows("workouts").keys() == {workouts[24]["id"]}
