"""The sleep of an exported recovery, and the cycle of an exported sleep."""

from datetime import date

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.support.data.app_exports import (
    CYCLES_OF_THREE_DAYS,
    NIGHTS,
    cycle,
    daily_by_day,
    export,
    listed,
    nap,
    night,
    recovered,
    slept,
    under,
)

JUNE_2, JUNE_3, JUNE_4 = (date(2025, 6, day) for day in (2, 3, 4))
RECOVERY_COLUMNS = (
    "recovery_score",
    "resting_heart_rate",
    "hrv_rmssd_milli",
    "spo2_percentage",
    "skin_temp_celsius",
    "recovery_band",
)
CYCLES_WITH_NAP = [cycle(4, 60), cycle(3, None, nap(3)), cycle(2, 65)]
"""The row of June 3 names the nap, and has the nap's recovery."""
NIGHTS_AND_NAP = [NIGHTS[0], listed(3, nap(3), is_nap=True), *NIGHTS[1:]]


def has_no_recovery(row):
    return all(row[name] is None for name in RECOVERY_COLUMNS)


def test_a_naps_recovery_is_not_used_for_the_day(sqlite_database):
    result = import_export(sqlite_database, export(cycles=CYCLES_WITH_NAP, sleeps=NIGHTS_AND_NAP), None)
    days = daily_by_day(sqlite_database)
    assert has_no_recovery(days[JUNE_3])
    assert days[JUNE_3]["sleep_duration_minutes"] == 450
    assert (days[JUNE_3]["nap_count"], days[JUNE_3]["nap_minutes"]) == (1, 65)
    assert days[JUNE_3]["strain"] == 10.2
    assert (days[JUNE_2]["recovery_score"], days[JUNE_4]["recovery_score"]) == (65, 60)
    assert result.nap_days == 1
    assert result.kinds["sleeps"].stored.new == 4  # no second main sleep


def test_without_sleeps_csv_a_sleep_that_begins_hours_after_its_cycle_counts_as_a_nap(sqlite_database):
    result = import_export(sqlite_database, export(cycles=CYCLES_WITH_NAP), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert has_no_recovery(row)
    assert (row["sleep_duration_minutes"], row["sleep_id"], row["nap_count"]) == (None, None, None)
    assert row["strain"] == 10.2
    assert result.nap_days == 1


def test_a_night_shorter_than_a_nap_is_still_the_main_sleep(sqlite_database):
    short = slept("02 23:00", "03 00:30", 70)
    nights = [NIGHTS[0], listed(3, nap(3, 80), is_nap=True), listed(3, short), NIGHTS[2]]
    import_export(sqlite_database, export(cycles=CYCLES_WITH_NAP, sleeps=nights), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["sleep_duration_minutes"], row["nap_minutes"]) == (70, 80)
    assert has_no_recovery(row)


@pytest.mark.parametrize("with_sleeps", [True, False])
def test_a_later_export_does_not_replace_the_nights_recovery_with_a_naps(sqlite_database, with_sleeps):
    early = {"sleeps": NIGHTS} if with_sleeps else {}
    late = {"sleeps": NIGHTS_AND_NAP} if with_sleeps else {}
    import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS, **early), None)
    import_export(sqlite_database, export(cycles=[cycle(5, 50), *CYCLES_WITH_NAP], **late), -1)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["resting_heart_rate"], row["hrv_rmssd_milli"]) == (70, 54, 61)
    assert row["sleep_duration_minutes"] == 450
    again = import_export(sqlite_database, export(cycles=[cycle(5, 50), *CYCLES_WITH_NAP], **late), -1)
    assert again.days_rebuilt == 0
    assert again.kinds["cycles"].stored.same == 4


def test_an_older_export_adds_a_recovery_that_a_newer_export_lacks(database):
    import_export(database, export(cycles=[cycle(5, 50), *CYCLES_WITH_NAP]), None)
    assert has_no_recovery(daily_by_day(database)[JUNE_3])
    older = [cycle(4, 11), cycle(3, 70), cycle(2, 12)]
    import_export(database, export(cycles=older), -1)
    days = daily_by_day(database)
    assert days[JUNE_3]["recovery_score"] == 70
    assert (days[JUNE_2]["recovery_score"], days[JUNE_4]["recovery_score"]) == (65, 60)


def test_a_later_sleeps_csv_decides_which_sleeps_are_naps(sqlite_database):
    # Without sleeps.csv, a night that begins five hours after its cycle counts as a nap.
    late = slept("03 04:00", "03 09:00", 290)
    import_export(sqlite_database, export(cycles=[cycle(4), cycle(3, 70, late)]), None)
    assert has_no_recovery(daily_by_day(sqlite_database)[JUNE_3])
    import_export(sqlite_database, export(sleeps=[listed(4, night(4)), listed(3, late)]), -1)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["sleep_duration_minutes"], row["nap_count"]) == (70, 290, 0)
    # Later cycles without sleeps.csv do not change this.
    import_export(sqlite_database, export(cycles=[cycle(5), cycle(4), cycle(3, 70, late)]), -1)
    assert daily_by_day(sqlite_database)[JUNE_3]["recovery_score"] == 70


def test_of_two_rows_of_a_cycle_the_row_with_the_night_has_the_recovery(sqlite_database):
    cycles = [cycle(4, 60), cycle(3, None, nap(3)), cycle(3, 70), cycle(2, 65)]
    result = import_export(sqlite_database, export(cycles=cycles), None)
    assert result.rejected == []
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["sleep_duration_minutes"]) == (70, 450)


def test_a_night_that_names_the_cycle_before_belongs_to_the_cycle_that_names_the_night(sqlite_database):
    cycles = [cycle(4, 60), cycle(3, 70, night(3, 470)), cycle(2, 65, night(2, 440))]
    sleeps = [listed(4, night(4)), listed(2, night(3, 470)), listed(2, night(2, 440))]
    import_export(sqlite_database, export(cycles=cycles, sleeps=sleeps), None)
    days = daily_by_day(sqlite_database)
    assert (days[JUNE_2]["recovery_score"], days[JUNE_2]["sleep_duration_minutes"]) == (65, 440)
    assert (days[JUNE_3]["recovery_score"], days[JUNE_3]["sleep_duration_minutes"]) == (70, 470)


@pytest.mark.parametrize("order", [("cycles", "sleeps"), ("sleeps", "cycles")])
def test_separate_imports_of_the_files_assign_a_night_to_the_same_cycle(sqlite_database, order):
    kinds = {
        "cycles": [cycle(4, 60), cycle(3, 70, night(3, 470)), cycle(2, 65, night(2, 440))],
        "sleeps": [listed(4, night(4)), listed(2, night(3, 470)), listed(2, night(2, 440))],
    }
    for kind in order:
        import_export(sqlite_database, export(**{kind: kinds[kind]}), None if kind == order[0] else -1)
    days = daily_by_day(sqlite_database)
    assert [days[day]["sleep_duration_minutes"] for day in (JUNE_2, JUNE_3, JUNE_4)] == [440, 470, 450]
    assert [days[day]["recovery_score"] for day in (JUNE_2, JUNE_3, JUNE_4)] == [65, 70, 60]


def test_a_night_that_begins_at_the_end_of_the_cycle_it_names_belongs_to_the_next_day(sqlite_database):
    sleeps = [listed(2, night(3, 470)), listed(2, night(2, 440))]
    import_export(sqlite_database, export(sleeps=sleeps), None)
    days = daily_by_day(sqlite_database)
    assert [days[day]["sleep_duration_minutes"] for day in (JUNE_2, JUNE_3)] == [440, 470]
    assert import_export(sqlite_database, export(sleeps=sleeps), -1).days_rebuilt == 0


def test_a_sleep_that_no_cycle_names_belongs_to_the_cycle_that_contains_it(sqlite_database):
    import_export(
        sqlite_database,
        export(cycles=CYCLES_OF_THREE_DAYS, sleeps=[*NIGHTS, listed(3, nap(4), is_nap=True)]),
        None,
    )
    days = daily_by_day(sqlite_database)
    assert (days[JUNE_3]["nap_count"], days[JUNE_4]["nap_count"]) == (0, 1)


def test_a_sleep_outside_all_known_cycles_belongs_to_the_cycle_that_it_names(sqlite_database):
    # The last cycle of the first export is open. The sleep of the second export is weeks later.
    first = [cycle(4) | {"Cycle end time": ""}, cycle(3)]
    import_export(sqlite_database, export(cycles=first, sleeps=[]), None)
    import_export(sqlite_database, export(sleeps=[listed(20, night(20))]), -1)
    assert daily_by_day(sqlite_database)[date(2025, 6, 20)]["sleep_duration_minutes"] == 450


def test_an_unusable_time_of_a_sleep_rejects_the_sleep_and_recovery_but_not_the_strain(sqlite_database):
    bad = cycle(3, 70) | {"Wake onset": "in the morning"}
    result = import_export(sqlite_database, export(cycles=[cycle(4), bad, cycle(2)]), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["strain"], row["recovery_score"], row["sleep_duration_minutes"]) == (10.2, None, None)
    assert [rejected.line for rejected in result.rejected] == [3]


def test_an_unusable_wake_time_is_only_reported_if_sleeps_csv_lists_the_sleep(sqlite_database):
    bad = cycle(3, 70) | {"Wake onset": ""}
    result = import_export(sqlite_database, export(cycles=[cycle(4), bad, cycle(2)], sleeps=NIGHTS), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["strain"], row["recovery_score"], row["sleep_duration_minutes"]) == (10.2, 70, 450)
    assert (result.rejected, [fault.line for fault in result.faults]) == ([], [3])


def test_an_unreadable_row_of_a_nap_does_not_affect_the_row_of_the_night(sqlite_database):
    bad = cycle(3, 3, nap(3)) | {"Wake onset": ""}
    result = import_export(sqlite_database, export(cycles=[bad, cycle(3, 70)]), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["recovery_score"], row["sleep_duration_minutes"]) == (70, 450)
    assert [rejected.line for rejected in result.rejected] == [2]


# Any imports in any order

FIRST, DAYS = 2, 3
NIGHT_SCORES, NAP_SCORES = range(50, 100), range(1, 20)


@st.composite
def sleep_minutes(draw):
    """Draw a member's minutes of sleep in the night and in a nap, by day; None for no sleep."""
    return {
        day: (
            draw(st.none() | st.integers(70, 480)),
            draw(st.none() | st.integers(65, 200)),
        )
        for day in range(FIRST, FIRST + DAYS)
    }


@st.composite
def exports_of(draw, minutes):
    """Draw an export of the first days.

    As in real exports, a row may have a nap's recovery, and a night may name another cycle.
    """
    last = draw(st.integers(FIRST, FIRST + DAYS - 1))
    cycles, sleeps = [], []
    for day in range(FIRST, last + 1):
        night_minutes, nap_minutes = minutes[day]
        night_cells = None if night_minutes is None else night(day, night_minutes)
        nap_cells = None if nap_minutes is None else nap(day, nap_minutes)
        row = under(day)
        if nap_cells is not None and (night_cells is None or draw(st.booleans())):
            row |= (
                recovered(draw(st.sampled_from(NAP_SCORES)), **{"Heart rate variability (ms)": "5"})
                | nap_cells
            )
        elif night_cells is not None:
            row |= (
                recovered(draw(st.sampled_from(NIGHT_SCORES)), **{"Heart rate variability (ms)": "80"})
                | night_cells
            )
        cycles.append(row)
        if night_cells is not None:
            sleeps.append(listed(day - draw(st.integers(0, 1)) if day > FIRST else day, night_cells))
        if nap_cells is not None:
            sleeps.append(listed(day, nap_cells, is_nap=True))
    kinds = {"cycles": draw(st.permutations(cycles)), "sleeps": draw(st.permutations(sleeps))}
    included = draw(st.sampled_from([("cycles", "sleeps"), ("cycles",), ("sleeps",)]))
    if not any(kinds[kind] for kind in included):
        included = ("cycles",)
    return export(**{kind: kinds[kind] for kind in included})


EXAMPLES = [6, pytest.param(60, marks=pytest.mark.slow)]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_no_order_of_imports_gives_a_day_the_values_of_a_nap(sqlite_database, examples):
    @settings(max_examples=examples, deadline=None, phases=[Phase.generate])  # shrinking would take minutes
    @given(st.data())
    def check(data):
        minutes = data.draw(sleep_minutes())
        member = None  # each example creates a member
        for files in data.draw(st.lists(exports_of(minutes), min_size=1, max_size=3)):
            member = import_export(sqlite_database, files, member, force=True).user_id
        for day, row in daily_by_day(sqlite_database, member).items():
            night_minutes, nap_minutes = minutes[day.day]
            assert row["recovery_score"] is None or row["recovery_score"] in NIGHT_SCORES
            assert row["hrv_rmssd_milli"] in (None, 80)
            assert row["sleep_duration_minutes"] in (None, night_minutes)
            assert row["nap_minutes"] in (None, 0, nap_minutes)
            start = row["sleep_start_time"]
            assert start is None or start.date() == day  # 23:00 of the evening before is 04:00 UTC

    check()
