"""Which sleep a recovery is of, and which cycle a sleep belongs to."""

from datetime import date

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from whoop_assets.summaries import tables
from whoop_assets.sync.export_import.import_export import import_export
from whoop_assets_tests.app_export.exports import (
    CYCLES_OF_THREE_DAYS,
    NIGHTS,
    cycle,
    export,
    listed,
    nap,
    night,
    recovered,
    slept,
    under,
)

JUNE_2, JUNE_3, JUNE_4 = (date(2025, 6, day) for day in (2, 3, 4))
OF_RECOVERY = (
    "recovery_score",
    "resting_heart_rate",
    "hrv_rmssd_milli",
    "spo2_percentage",
    "skin_temp_celsius",
    "recovery_band",
)
WITH_NAP = [cycle(4, 60), cycle(3, None, nap(3)), cycle(2, 65)]
"""The row of June 3 names the nap and has the nap's recovery."""
NIGHTS_AND_NAP = [NIGHTS[0], listed(3, nap(3), is_nap=True), *NIGHTS[1:]]


def daily(database, user_id=-1):
    with database.read() as connection:
        query = select(tables.daily_summary).where(tables.daily_summary.c.user_id == user_id)
        return {row["day"]: dict(row) for row in connection.execute(query).mappings()}


def has_no_recovery(row):
    return all(row[name] is None for name in OF_RECOVERY)


def test_the_recovery_of_a_nap_is_not_the_days(sqlite_database):
    done = import_export(sqlite_database, export(cycles=WITH_NAP, sleeps=NIGHTS_AND_NAP), None)
    days = daily(sqlite_database)
    assert has_no_recovery(days[JUNE_3])
    assert days[JUNE_3]["sleep_duration_minutes"] == 450
    assert (days[JUNE_3]["nap_count"], days[JUNE_3]["nap_minutes"]) == (1, 65)
    assert days[JUNE_3]["strain"] == 10.2
    assert (days[JUNE_2]["recovery_score"], days[JUNE_4]["recovery_score"]) == (65, 60)
    assert done.nap_days == 1
    assert done.kinds["sleeps"].stored.new == 4  # no second main sleep


def test_without_sleeps_csv_a_sleep_that_begins_hours_after_its_cycle_is_a_nap(sqlite_database):
    done = import_export(sqlite_database, export(cycles=WITH_NAP), None)
    row = daily(sqlite_database)[JUNE_3]
    assert has_no_recovery(row)
    assert (row["sleep_duration_minutes"], row["sleep_id"], row["nap_count"]) == (None, None, None)
    assert row["strain"] == 10.2
    assert done.nap_days == 1


def test_a_night_that_is_shorter_than_the_nap_stays_the_main_sleep(sqlite_database):
    short = slept("02 23:00", "03 00:30", 70)
    nights = [NIGHTS[0], listed(3, nap(3, 80), is_nap=True), listed(3, short), NIGHTS[2]]
    import_export(sqlite_database, export(cycles=WITH_NAP, sleeps=nights), None)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["sleep_duration_minutes"], row["nap_minutes"]) == (70, 80)
    assert has_no_recovery(row)


@pytest.mark.parametrize("with_sleeps", [True, False])
def test_a_later_export_does_not_replace_a_recovery_by_that_of_a_nap(sqlite_database, with_sleeps):
    early = {"sleeps": NIGHTS} if with_sleeps else {}
    late = {"sleeps": NIGHTS_AND_NAP} if with_sleeps else {}
    import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS, **early), None)
    import_export(sqlite_database, export(cycles=[cycle(5, 50), *WITH_NAP], **late), -1)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["resting_heart_rate"], row["hrv_rmssd_milli"]) == (70, 54, 61)
    assert row["sleep_duration_minutes"] == 450
    again = import_export(sqlite_database, export(cycles=[cycle(5, 50), *WITH_NAP], **late), -1)
    assert again.days_rebuilt == 0
    assert again.kinds["cycles"].stored.same == 4


def test_an_older_export_gives_a_day_back_the_recovery_that_a_newer_one_lacks(sqlite_database):
    import_export(sqlite_database, export(cycles=[cycle(5, 50), *WITH_NAP]), None)
    assert has_no_recovery(daily(sqlite_database)[JUNE_3])
    older = [cycle(4, 11), cycle(3, 70), cycle(2, 12)]
    import_export(sqlite_database, export(cycles=older), -1)
    days = daily(sqlite_database)
    assert days[JUNE_3]["recovery_score"] == 70
    assert (days[JUNE_2]["recovery_score"], days[JUNE_4]["recovery_score"]) == (65, 60)


def test_sleeps_csv_that_comes_alone_says_what_a_nap_is(sqlite_database):
    """A night that began five hours into its cycle looks like a nap until sleeps.csv says that it is none."""
    late = slept("03 04:00", "03 09:00", 290)
    import_export(sqlite_database, export(cycles=[cycle(4), cycle(3, 70, late)]), None)
    assert has_no_recovery(daily(sqlite_database)[JUNE_3])
    import_export(sqlite_database, export(sleeps=[listed(4, night(4)), listed(3, late)]), -1)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["sleep_duration_minutes"], row["nap_count"]) == (70, 290, 0)
    # And cycles without sleeps.csv do not make it a nap again.
    import_export(sqlite_database, export(cycles=[cycle(5), cycle(4), cycle(3, 70, late)]), -1)
    assert daily(sqlite_database)[JUNE_3]["recovery_score"] == 70


def test_of_two_rows_of_a_cycle_the_one_with_its_night_has_the_recovery(sqlite_database):
    for_both = [cycle(4, 60), cycle(3, None, nap(3)), cycle(3, 70), cycle(2, 65)]
    done = import_export(sqlite_database, export(cycles=for_both), None)
    assert done.rejected == []
    row = daily(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["sleep_duration_minutes"]) == (70, 450)


def test_a_night_listed_under_the_cycle_that_had_just_ended_is_of_the_cycle_that_names_it(sqlite_database):
    cycles = [cycle(4, 60), cycle(3, 70, night(3, 470)), cycle(2, 65, night(2, 440))]
    sleeps = [listed(4, night(4)), listed(2, night(3, 470)), listed(2, night(2, 440))]
    import_export(sqlite_database, export(cycles=cycles, sleeps=sleeps), None)
    days = daily(sqlite_database)
    assert (days[JUNE_2]["recovery_score"], days[JUNE_2]["sleep_duration_minutes"]) == (65, 440)
    assert (days[JUNE_3]["recovery_score"], days[JUNE_3]["sleep_duration_minutes"]) == (70, 470)


@pytest.mark.parametrize("order", [("cycles", "sleeps"), ("sleeps", "cycles")])
def test_so_it_is_also_if_the_files_come_one_by_one(sqlite_database, order):
    kinds = {
        "cycles": [cycle(4, 60), cycle(3, 70, night(3, 470)), cycle(2, 65, night(2, 440))],
        "sleeps": [listed(4, night(4)), listed(2, night(3, 470)), listed(2, night(2, 440))],
    }
    for kind in order:
        import_export(sqlite_database, export(**{kind: kinds[kind]}), None if kind == order[0] else -1)
    days = daily(sqlite_database)
    assert [days[day]["sleep_duration_minutes"] for day in (JUNE_2, JUNE_3, JUNE_4)] == [440, 470, 450]
    assert [days[day]["recovery_score"] for day in (JUNE_2, JUNE_3, JUNE_4)] == [65, 70, 60]


def test_a_night_that_begins_when_the_cycle_it_names_ends_begins_a_cycle_of_its_own(sqlite_database):
    sleeps = [listed(2, night(3, 470)), listed(2, night(2, 440))]
    import_export(sqlite_database, export(sleeps=sleeps), None)
    days = daily(sqlite_database)
    assert [days[day]["sleep_duration_minutes"] for day in (JUNE_2, JUNE_3)] == [440, 470]
    assert import_export(sqlite_database, export(sleeps=sleeps), -1).days_rebuilt == 0


def test_a_sleep_that_no_row_names_is_of_the_cycle_that_contains_it(sqlite_database):
    import_export(
        sqlite_database,
        export(cycles=CYCLES_OF_THREE_DAYS, sleeps=[*NIGHTS, listed(3, nap(4), is_nap=True)]),
        None,
    )
    days = daily(sqlite_database)
    assert (days[JUNE_3]["nap_count"], days[JUNE_4]["nap_count"]) == (0, 1)


def test_a_sleep_outside_of_all_known_cycles_is_of_the_cycle_that_it_names(sqlite_database):
    """The last cycle of the first export was open; the second one tells of sleeps weeks after it."""
    first = [cycle(4) | {"Cycle end time": ""}, cycle(3)]
    import_export(sqlite_database, export(cycles=first, sleeps=[]), None)
    import_export(sqlite_database, export(sleeps=[listed(20, night(20))]), -1)
    assert daily(sqlite_database)[date(2025, 6, 20)]["sleep_duration_minutes"] == 450


def test_an_unusable_time_of_a_sleep_costs_the_sleep_and_its_recovery_and_not_the_strain(sqlite_database):
    bad = cycle(3, 70) | {"Wake onset": "in the morning"}
    done = import_export(sqlite_database, export(cycles=[cycle(4), bad, cycle(2)]), None)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["strain"], row["recovery_score"], row["sleep_duration_minutes"]) == (10.2, None, None)
    assert [rejected.line for rejected in done.rejected] == [3]


def test_an_unusable_wake_time_of_a_sleep_that_sleeps_csv_lists_costs_nothing(sqlite_database):
    bad = cycle(3, 70) | {"Wake onset": ""}
    done = import_export(sqlite_database, export(cycles=[cycle(4), bad, cycle(2)], sleeps=NIGHTS), None)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["strain"], row["recovery_score"], row["sleep_duration_minutes"]) == (10.2, 70, 450)
    assert (done.rejected, [fault.line for fault in done.faults]) == ([], [3])


def test_a_row_of_a_nap_that_cannot_be_read_does_not_hide_the_row_of_the_night(sqlite_database):
    bad = cycle(3, 3, nap(3)) | {"Wake onset": ""}
    done = import_export(sqlite_database, export(cycles=[bad, cycle(3, 70)]), None)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["sleep_duration_minutes"]) == (70, 450)
    assert [rejected.line for rejected in done.rejected] == [2]


# Whatever is imported, in whatever order: no value of a nap is a day's.

FIRST, DAYS = 2, 3
MAIN, OF_A_NAP = range(50, 100), range(1, 20)


@st.composite
def lives(draw):
    """Some days of a member: the minutes of each night (None: no night), and of each nap."""
    return {
        day: (
            draw(st.none() | st.integers(70, 480)),
            draw(st.none() | st.integers(65, 200)),
        )
        for day in range(FIRST, FIRST + DAYS)
    }


@st.composite
def exports_of(draw, life):
    """An export of the first of these days, as WHOOP may have written it: with a nap's recovery, or a night
    under another cycle.
    """
    upto = draw(st.integers(FIRST, FIRST + DAYS - 1))
    cycles, sleeps = [], []
    for day in range(FIRST, upto + 1):
        slept_at_night, slept_in_the_day = life[day]
        night_cells = None if slept_at_night is None else night(day, slept_at_night)
        nap_cells = None if slept_in_the_day is None else nap(day, slept_in_the_day)
        row = under(day)
        if nap_cells is not None and (night_cells is None or draw(st.booleans())):
            row |= (
                recovered(draw(st.sampled_from(OF_A_NAP)), **{"Heart rate variability (ms)": "5"}) | nap_cells
            )
        elif night_cells is not None:
            row |= (
                recovered(draw(st.sampled_from(MAIN)), **{"Heart rate variability (ms)": "80"}) | night_cells
            )
        cycles.append(row)
        if night_cells is not None:
            sleeps.append(listed(day - draw(st.integers(0, 1)) if day > FIRST else day, night_cells))
        if nap_cells is not None:
            sleeps.append(listed(day, nap_cells, is_nap=True))
    kinds = {"cycles": draw(st.permutations(cycles)), "sleeps": draw(st.permutations(sleeps))}
    held = draw(st.sampled_from([("cycles", "sleeps"), ("cycles",), ("sleeps",)]))
    if not any(kinds[kind] for kind in held):
        held = ("cycles",)
    return export(**{kind: kinds[kind] for kind in held})


EXAMPLES = [6, pytest.param(60, marks=pytest.mark.slow)]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_no_value_of_a_nap_is_ever_a_days_whatever_the_order_of_imports(sqlite_database, examples):
    @settings(max_examples=examples, deadline=None, phases=[Phase.generate])  # shrinking would take minutes
    @given(st.data())
    def check(data):
        life = data.draw(lives())
        member = None  # a new one for each example
        for some in data.draw(st.lists(exports_of(life), min_size=1, max_size=3)):
            member = import_export(sqlite_database, some, member, force=True).user_id
        for day, row in daily(sqlite_database, member).items():
            slept_at_night, slept_in_the_day = life[day.day]
            assert row["recovery_score"] is None or row["recovery_score"] in MAIN
            assert row["hrv_rmssd_milli"] in (None, 80)
            assert row["sleep_duration_minutes"] in (None, slept_at_night)
            assert row["nap_minutes"] in (None, 0, slept_in_the_day)
            begun = row["sleep_start_time"]
            assert begun is None or begun.date() == day  # 23:00 of the evening before is 04:00 UTC

    check()
