"""Weeks without any webhook against the simulator: everything is there within the stated times, and is
counted.
"""

from datetime import UTC, date, datetime, timedelta
from statistics import median

import pytest

from whoop_assets_tests.planner.living import Life
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import at_home, frozen_world, moment

ONE_DAY, HOUR = timedelta(days=1), timedelta(hours=1)

# Where the members' days begin at the latest; the partitions' zone is the easternmost one.
EAST = "Pacific/Auckland"


def lived(home, days, *, history=66):
    """A life of so many days after the first import."""
    life = Life(home, NOW.date() - timedelta(days=history), EAST)
    life.live(NOW + 10 * timedelta(minutes=1))
    life.requests.clear()
    life.done.clear()
    life.live(NOW + days * ONE_DAY)
    return life


def prove(life, days):
    home = life.home
    now = home.clock.now()
    # New records within the hour between two readings of the last days; corrections of the last month within
    # a day.
    assert life.differences(made_before=now - 1.5 * HOUR, changed_before=now - 1.2 * ONE_DAY) == []
    waits = []
    for member in home.members:
        naps = {sleep["id"] for sleep in home.truth(member)["sleeps"] if sleep["nap"]}
        for recovery in home.truth(member)["recoveries"]:
            made = moment(recovery["created_at"])
            row = home.rows("recoveries").get(recovery["sleep_id"])
            if row is not None and made > NOW + HOUR and recovery["sleep_id"] not in naps:
                waits.append(row["first_seen_at"] - made)
    assert len(waits) >= days - 2
    assert median(waits) <= timedelta(minutes=20)
    assert max(waits) <= 1.5 * HOUR
    per_day = {reason: cost / days / len(home.members) for reason, cost in life.requests.items()}
    assert per_day["recent"] <= 4 * 24 + 4
    assert per_day["morning"] <= 45
    assert per_day["snapshot"] <= 3
    assert sum(per_day.values()) <= 150
    return per_day


@pytest.mark.slow
def test_four_days_without_webhooks(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=62, zones=["Europe/Berlin"])) as home:
        prove(lived(home, 4), 4)


@pytest.mark.slow
def test_three_weeks_of_two_members_without_webhooks(sqlite_url):
    with at_home(sqlite_url, frozen_world(members=2, days=62)) as home:
        print(prove(lived(home, 21), 21))


def test_a_new_members_history_is_read_newest_first_and_survives_being_killed(database_url):
    with at_home(database_url, frozen_world(days=400)) as home:
        life = Life(home, NOW.date() - timedelta(days=390), EAST)
        firsts = []
        for _ in range(30):
            plan = life.plan()
            if not plan.due:
                break
            life.carry_out(plan)
            firsts += [one.first for one in plan.due if one.reason.value in ("unread", "history")]
            home.advance(60)
            # Nothing is remembered but the ledger: every look is a new planner.
            life = Life(home, life.start_date, EAST)
        assert firsts == sorted(firsts, reverse=True)
        assert len(firsts) >= 4
        first_day = life.start_date + ONE_DAY
        rows = home.rows("cycles")
        there = [one for one in home.truth()["cycles"] if date.fromisoformat(one["start"][:10]) > first_day]
        assert {one["id"] for one in there} <= rows.keys()
        later = life.plan()
        assert [one for one in later.later if one.reason.value in ("history", "unread")] == []


@pytest.mark.slow
def test_two_hours_that_nobody_read_are_read_when_somebody_looks_again(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=62, zones=["Europe/Berlin"])) as home:
        life = lived(home, 1)
        home.advance(30 * ONE_DAY)  # the computer was off
        life.live(home.clock.now() + HOUR)
        now = home.clock.now()
        assert life.differences(made_before=now - HOUR, changed_before=datetime(2026, 1, 1, tzinfo=UTC)) == []
