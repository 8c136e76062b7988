"""A member who lives east of WHOOP_TIMEZONE: the suggested value, and where it is shown."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from whoop_assets.defs.partitions import daily
from whoop_assets.sync.members.time_zone import ZONES, east_of, zone_of
from whoop_assets_tests.support.fixed_time import NOW

SUMMER = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""In Auckland; winter in Berlin."""


def year_in(zone, *, until=SUMMER, days=365):
    """Return a member's cycles, one per day, with the offsets of a time zone."""
    starts = [until - timedelta(days=n) for n in range(days)]
    return [(start, start.astimezone(ZoneInfo(zone)).utcoffset()) for start in starts]


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_offsets_suggests_a_zone_that_had_them(zone):
    history = year_in(zone)
    suggested = ZoneInfo(zone_of(history, SUMMER))
    assert [start.astimezone(suggested).utcoffset() for start, _ in history] == [
        offset for _, offset in history
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_partitions_in_the_suggested_zone_begin_at_the_members_midnight(zone):
    last = daily(NOW.date() - timedelta(days=9), zone).get_last_partition_key()
    assert last == NOW.astimezone(ZoneInfo(zone)).date().isoformat()


@pytest.mark.parametrize(
    ("minutes", "suggested", "hours"),
    [(440, "Etc/GMT-8", 8), (-125, "Etc/GMT+2", -2), (-570, "Etc/GMT+9", -9), (-30, "UTC", 0)],
)
def test_an_offset_that_no_place_has_suggests_the_next_whole_hour_east_of_it(minutes, suggested, hours):
    assert zone_of([(SUMMER, timedelta(minutes=minutes))], SUMMER) == suggested
    assert ZoneInfo(suggested).utcoffset(SUMMER) == timedelta(hours=hours)


def test_the_newest_offset_counts_after_a_journey():
    history = [*year_in("Pacific/Auckland")[3:], (SUMMER, timedelta(hours=-5))]
    assert east_of(1, history, "UTC", SUMMER) is None


def test_the_sentence_names_the_member_the_setting_and_the_value_to_use():
    east = east_of(10129, year_in("Pacific/Auckland"), "UTC", SUMMER)
    assert east.sentence == (
        "Member 10129 lives at UTC+13:00, east of WHOOP_TIMEZONE (UTC): each day can be read only 13 h"
        " after the member's midnight. Set WHOOP_TIMEZONE=Pacific/Auckland and start Dagster again."
    )


@pytest.mark.parametrize("setting", ["Pacific/Auckland", "Pacific/Kiritimati"])
def test_a_setting_at_or_east_of_the_member_is_no_problem(setting):
    assert east_of(1, year_in("Pacific/Auckland"), setting, SUMMER) is None
    assert east_of(1, [], "UTC", SUMMER) is None
