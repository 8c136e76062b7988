"""Days with some streams from the API: which values an export adds. Naps never set a day's recovery."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from whoop_assets.records import tables, upsert
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.support.data import factories
from whoop_assets_tests.support.data.app_exports import (
    CYCLES_OF_THREE_DAYS,
    NIGHTS,
    cycle,
    daily_by_day,
    export,
    listed,
    nap,
    night,
    slept,
)

JUNE_3 = date(2025, 6, 3)
MEMBER = -1
ZONE = "-05:00"
NIGHTS_AND_NAP = [*NIGHTS, listed(3, nap(3), is_nap=True)]
CYCLES_WITH_NAP = [cycle(4, 60), cycle(3, None, nap(3)), cycle(2, 65)]


def local(day, hour, minute=0):
    """Return the UTC time of a local time in June 2025; hours above 24 belong to the next day."""
    return datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour + 5, minutes=minute)


def api_cycle(day, start=None):
    first = local(day - 1, 23) if start is None else start
    return factories.cycle(day, first, local(day, 23), offset=ZONE, strain=11.0 if start is None else 4.0)


def api_sleep(day, key, start, end, *, is_nap=False):
    return factories.sleep(key, day, start, end, nap=is_nap, offset=ZONE)


def api_night(day, *, minutes_later=0, is_nap=False):
    start = local(day - 1, 23, minutes_later)
    return api_sleep(day, f"night {day}", start, local(day, 7), is_nap=is_nap)


def read(database, stream, *incoming, complete=True):
    """Store records of the API; if `complete`, record that the stream was read for all days."""
    with database.write([MEMBER]) as connection:
        now = database.now(connection)
        upsert.store(connection, MEMBER, stream, list(incoming), now)
        if complete:
            span = {"start_time": local(1, 0), "end_time": local(6, 0), "read_at": now}
            connection.execute(insert(tables.coverage).values(user_id=MEMBER, stream=stream, **span))


def summary_of_june_3(database):
    """Rebuild the summaries; return that of June 3."""
    rebuild_days(database, [MEMBER], date(2025, 6, 1), date(2025, 6, 6))
    return daily_by_day(database)[JUNE_3]


@pytest.fixture
def member(sqlite_database):
    """An empty database for imports of one member."""
    return sqlite_database


def import_and_read_cycles(database, cycles=CYCLES_OF_THREE_DAYS, sleeps=NIGHTS):
    """Import an export, and store the API's cycles of the three days."""
    kinds = {"cycles": cycles} | ({} if sleeps is None else {"sleeps": sleeps})
    import_export(database, export(**kinds), None)
    read(database, "cycles", *(api_cycle(day) for day in (2, 3, 4)))


@pytest.mark.parametrize("sleeps", [NIGHTS, None])
def test_an_exported_recovery_of_a_night_unknown_to_the_api_is_not_used(member, sleeps):
    import_and_read_cycles(member, sleeps=sleeps)
    read(member, "sleeps", api_night(2), api_night(4))
    assert summary_of_june_3(member)["recovery_score"] is None


@pytest.mark.parametrize("sleeps", [NIGHTS, None])
def test_an_exported_recovery_of_a_night_that_is_now_a_nap_is_not_used(member, sleeps):
    import_and_read_cycles(member, sleeps=sleeps)
    read(member, "sleeps", api_night(2), api_night(3, is_nap=True), api_night(4))
    assert summary_of_june_3(member)["recovery_score"] is None


def test_an_exported_recovery_is_used_if_whoop_shortened_its_night(member):
    import_and_read_cycles(member)
    read(member, "sleeps", api_night(2), api_night(3, minutes_later=20), api_night(4))
    assert summary_of_june_3(member)["recovery_score"] == 70


@pytest.mark.parametrize("sleeps", [NIGHTS, NIGHTS_AND_NAP])
def test_a_naps_recovery_from_a_webhook_does_not_replace_the_nights_recovery(member, sleeps):
    import_and_read_cycles(member, sleeps=sleeps)
    read(member, "recoveries", factories.recovery("a nap", 3, recovery_score=4.0), complete=False)
    row = summary_of_june_3(member)
    assert (row["recovery_score"], row["sleep_id"]) == (70, None)


def test_of_two_recoveries_of_a_cycle_the_one_with_the_exported_score_is_used(member):
    import_and_read_cycles(member, sleeps=NIGHTS_AND_NAP)
    night_and_nap = [
        factories.recovery(key, 3, recovery_score=score) for key, score in (("night", 70.3), ("nap", 4.0))
    ]
    read(member, "recoveries", *night_and_nap)
    row = summary_of_june_3(member)
    assert (row["recovery_score"], row["sleep_id"]) == (70.3, "night")


def test_the_only_recovery_of_a_cycle_without_naps_is_used_even_if_its_score_changed(member):
    import_and_read_cycles(member)
    read(member, "recoveries", factories.recovery("night", 3, recovery_score=77.0))
    assert summary_of_june_3(member)["recovery_score"] == 77


def test_the_recovery_of_a_nap_on_another_day_of_the_api_is_not_used(member):
    import_and_read_cycles(member, cycles=CYCLES_WITH_NAP, sleeps=[listed(3, nap(3), is_nap=True)])
    read(member, "sleeps", api_sleep(4, "nap", local(3, 15), local(3, 16, 20), is_nap=True))
    assert summary_of_june_3(member)["recovery_score"] is None


def test_an_export_adds_the_cycle_of_a_day_that_the_api_did_not_read(member):
    second_sleep = slept("03 09:00", "03 11:00", 120)
    second = {"Cycle start time": "2025-06-03 09:00:00"}
    cycles = [
        cycle(4, 60),
        cycle(3, 50, second_sleep, **second, **{"Day Strain": "4.0"}),
        cycle(3, 70, **{"Cycle end time": "2025-06-03 09:00:00"}),
        cycle(2, 65),
    ]
    sleeps = [listed(3, night(3)), listed(3, second_sleep, **second)]
    import_export(member, export(cycles=cycles, sleeps=sleeps), None)
    read(member, "cycles", api_cycle(3, local(3, 9)), complete=False)
    row = summary_of_june_3(member)
    assert (row["recovery_score"], row["sleep_duration_minutes"], row["strain"]) == (70, 450, 10.2)
    assert (row["cycle_count"], row["source"]) == (2, "mixed")


def test_an_import_counts_the_days_and_records_that_it_fills(member):
    import_and_read_cycles(member)
    summary_of_june_3(member)
    result = import_export(member, export(cycles=CYCLES_OF_THREE_DAYS, sleeps=NIGHTS), MEMBER)
    assert result.filled_days == 3
    assert {kind: counts.filling for kind, counts in result.kinds.items()} == {"cycles": 0, "sleeps": 3}
