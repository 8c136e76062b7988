"""Rows of an export become records: times, units, activities, and rejected rows."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.app_export.parsing.activities import slug
from whoop_assets.app_export.parsing.archive import UnreadableExport
from whoop_assets.app_export.parsing.headings import FILES, plain
from whoop_assets.app_export.parsing.reading import read_export
from whoop_assets.app_export.parsing.rows import STRAIN
from whoop_assets.app_export.parsing.values import instant, zone
from whoop_assets_tests.support.data.app_exports import csv_of
from whoop_simulator.world.app_export import COLUMNS

CYCLES, SLEEPS, WORKOUTS, JOURNAL = FILES
LISTED = {
    "Cycle start time": "2026-03-07 02:38:36",
    "Cycle end time": "2026-03-08 03:40:18",
    "Cycle timezone": "UTC-05:00",
}


def cycle_row(**cells):
    return {**LISTED, **cells}


def read_cycle(**cells):
    export = read_export({CYCLES: csv_of("cycles", [cycle_row(**cells)])})
    (cycle,) = export.cycles
    return cycle


def test_times_are_converted_to_utc_with_the_offset_of_the_row():
    cycle = read_cycle()
    assert cycle.start_time == datetime(2026, 3, 7, 7, 38, 36, tzinfo=UTC)
    # In a recorded export the next cycle began at 04:40:18 UTC-04:00, the same instant.
    assert cycle.end_time == instant("2026-03-08 04:40:18", zone("UTC-04:00"))
    assert cycle.day == date(2026, 3, 7)
    assert cycle.timezone_offset == "-05:00"


def test_a_cycle_that_begins_in_the_evening_belongs_to_the_next_day():
    assert read_cycle(**{"Cycle start time": "2026-03-06 23:10:00"}).day == date(2026, 3, 7)


def test_empty_cells_are_none_and_an_open_cycle_has_no_end():
    cycle = read_cycle(**{"Cycle end time": ""})
    assert cycle.end_time is None
    assert set(cycle.values.values()) == {None}


def test_values_have_the_units_of_the_api():
    cells = {
        "Day Strain": "12.3",
        "Energy burned (cal)": "2456",
        "Max HR (bpm)": "171",
        "Average HR (bpm)": "70.0",
        "Heart rate variability (ms)": "48.5",
    }
    values = read_cycle(**cells).values
    assert values["kilojoule"] == pytest.approx(2456 * 4.184)
    assert (values["strain"], values["max_heart_rate"], values["average_heart_rate"]) == (12.3, 171, 70)
    assert values["hrv_rmssd_milli"] == 48.5


WORKOUT = {
    **LISTED,
    "Workout start time": "2026-03-07 17:00:00",
    "Workout end time": "2026-03-07 18:00:00",
    "Activity name": "Hiking/Rucking",
    "Activity Strain": "10.1",
    "HR Zone 1 %": "25",
    "HR Zone 5 %": "5",
    "GPS enabled": "false",
}


def test_percentages_of_a_workout_become_milliseconds_in_zones():
    (workout,) = read_export({WORKOUTS: csv_of("workouts", [WORKOUT])}).workouts
    assert workout.values["zone_one_milli"] == 15 * 60_000
    assert workout.values["zone_five_milli"] == 3 * 60_000
    assert workout.values["zone_two_milli"] is None
    assert workout.sport_name == "hiking-rucking"
    assert workout.start_time == datetime(2026, 3, 7, 22, tzinfo=UTC)


def test_workouts_of_the_format_with_17_columns_lack_only_the_distance():
    columns = COLUMNS["workouts"][:17]
    row = {**WORKOUT, "Distance (meters)": "5103.0"}
    (workout,) = read_export({WORKOUTS: csv_of("workouts", [row], columns=columns)}).workouts
    (complete,) = read_export({WORKOUTS: csv_of("workouts", [row])}).workouts
    assert complete.values["distance_meter"] == 5103.0
    assert workout.values == {**complete.values, "distance_meter": None}


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        ("Strength Trainer", "weightlifting_msk"),
        ("Running", "running"),
        ("Jumping Rope", "jumping-rope"),
        ("Track & Field", "track-field"),
    ],
)
def test_activities_become_the_sport_names_of_the_api(activity, expected):
    assert slug(activity) == expected


@given(
    st.datetimes(datetime(2013, 1, 1), datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * 15),
)
def test_local_times_of_any_time_zone_are_converted_to_utc(local, minutes):
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    text = "UTCZ" if not minutes else f"UTC{sign}{size // 60:02}:{size % 60:02}"
    aware = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert instant(local.strftime("%Y-%m-%d %H:%M:%S"), zone(text)) == aware.astimezone(UTC)


@pytest.mark.parametrize("bad", ["UTC+15:00", "EST", "UTC5", "", "UTC+01:75", "UTC+٠١:00"])
def test_an_invalid_time_zone_is_an_error(bad):
    with pytest.raises(ValueError):
        zone(bad)


INVALID_CELLS = {
    "a time that does not exist": {"Cycle start time": "2026-02-30 02:00:00"},
    "a word instead of a time": {"Cycle start time": "yesterday"},
    "no time": {"Cycle start time": ""},
    "no zone": {"Cycle timezone": ""},
    "an end before the start": {"Cycle end time": "2026-03-06 00:00:00"},
    "a year before WHOOP": {"Cycle start time": "1970-01-01 00:00:00"},
}


@pytest.mark.parametrize("cells", INVALID_CELLS.values(), ids=INVALID_CELLS)
def test_an_invalid_row_is_rejected_with_file_line_and_reason(cells):
    valid = cycle_row(**{"Cycle start time": "2026-03-08 03:40:18", "Cycle end time": ""})
    export = read_export({CYCLES: csv_of("cycles", [valid, cycle_row(**cells)])})
    assert [cycle.line for cycle in export.cycles] == [2]
    (rejected,) = export.files[CYCLES].rejected
    assert (rejected.file, rejected.line) == (CYCLES, 3)
    assert rejected.reason and rejected.text
    assert export.files[CYCLES].rows == 2


@pytest.mark.parametrize("cell", ["much", "Anna 5", "Ja", "was ill", "x" * 30, "No\u0661", "5\nill"])
@pytest.mark.parametrize("column", ["Day Strain", "Cycle start time", "Cycle timezone"])
def test_the_reason_does_not_quote_text_of_the_cell(column, cell):
    export = read_export({CYCLES: csv_of("cycles", [cycle_row(**{column: cell})])})
    file = export.files[CYCLES]
    (rejected,) = file.faults if column == "Day Strain" else file.rejected
    assert rejected.reason.startswith(f"{column}: a ")
    assert f"of length {len(cell)} is not" in rejected.reason
    assert cell not in rejected.reason


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("Day Strain", "12,5,5 %"),
        ("Cycle start time", "2026-02-30T02:00:00Z"),
        ("Cycle start time", "1970-01-01 00:00:00"),
        ("Cycle timezone", "UTC+15:00"),
    ],
)
def test_the_reason_quotes_an_impossible_number_time_or_time_zone(column, cell):
    export = read_export({CYCLES: csv_of("cycles", [cycle_row(**{column: cell})])})
    (rejected,) = export.files[CYCLES].faults or export.files[CYCLES].rejected
    assert cell.removesuffix(" %") in rejected.reason


def test_lines_with_too_few_or_too_many_cells_are_rejected_and_blank_lines_ignored():
    content = csv_of("journal", [{**LISTED, "Question text": "Slept well?", "Answered yes": "true"}])
    content += b"\n2026-03-07 02:38:36,2026-03\n" + b"a,b,c,d,e,f,g\n"
    export = read_export({JOURNAL: content})
    assert [entry.question for entry in export.journal] == ["Slept well?"]
    assert [row.line for row in export.files[JOURNAL].rejected] == [4, 5]


def test_line_numbers_count_the_lines_within_a_cell():
    content = csv_of(
        "journal", [{**LISTED, "Question text": "A?", "Answered yes": "true", "Notes": "one\ntwo"}]
    )
    content += csv_of("journal", [{**LISTED, "Question text": "B?", "Answered yes": "perhaps"}]).split(
        b"\n", 1
    )[1]
    export = read_export({JOURNAL: content})
    assert export.journal[0].notes == "one\ntwo"
    assert [row.line for row in export.files[JOURNAL].rejected] == [4]


def test_a_repeated_row_is_counted_and_a_contradicting_row_is_rejected():
    answer = {**LISTED, "Question text": "Caffeine? ", "Answered yes": "TRUE"}
    contradiction = {**answer, "Answered yes": "FALSE"}
    export = read_export({JOURNAL: csv_of("journal", [answer, answer, contradiction])})
    assert [(entry.question, entry.answered_yes) for entry in export.journal] == [("Caffeine?", True)]
    file = export.files[JOURNAL]
    assert file.repeated == 1
    assert "line 2" in file.rejected[0].reason


def test_without_sleeps_csv_main_sleeps_come_from_the_cycles():
    night = {
        "Sleep onset": "2026-03-07 02:38:36",
        "Wake onset": "2026-03-07 10:39:21",
        "Asleep duration (min)": "440",
    }
    cycles = csv_of("cycles", [cycle_row(**night)])
    (sleep,) = read_export({CYCLES: cycles}).sleeps
    assert (sleep.nap, sleep.values["asleep_milli"]) == (False, 440 * 60_000)
    sleeps = csv_of("sleeps", [cycle_row(**{**night, "Asleep duration (min)": "441", "Nap": "false"})])
    (sleep,) = read_export({CYCLES: cycles, SLEEPS: sleeps}).sleeps
    assert sleep.values["asleep_milli"] == 441 * 60_000


def test_columns_are_found_by_heading_in_any_order():
    columns = ("X", *reversed(COLUMNS["cycles"]))
    (cycle,) = read_export(
        {CYCLES: csv_of("cycles", [cycle_row(**{"Day Strain": "9.5"})], columns=columns)}
    ).cycles
    assert cycle.values["strain"] == 9.5
    assert plain("HR Zone 1 %") == plain("hr_zone_1_%")
    assert len({plain(heading) for heading, _ in STRAIN.values()}) == len(STRAIN)


def test_a_file_without_a_required_column_or_without_text_is_an_error():
    with pytest.raises(UnreadableExport, match="Cycle timezone"):
        read_export({CYCLES: b"Cycle start time,Day Strain\n2026-01-01 00:00:00,5\n"})
    with pytest.raises(UnreadableExport, match="headings"):
        read_export({CYCLES: bytes(range(256))})


def test_an_empty_file_has_no_records():
    assert read_export({JOURNAL: b"", WORKOUTS: b"\xef\xbb\xbf"}).cycle_starts == []


@given(st.binary(max_size=300), st.booleans())
def test_every_row_of_any_bytes_is_a_record_a_repetition_or_rejected(noise, with_heading):
    heading = ",".join(COLUMNS["journal"]).encode() + b"\n" if with_heading else b""
    try:
        export = read_export({JOURNAL: heading + noise})
    except UnreadableExport:
        return
    file = export.files[JOURNAL]
    assert file.rows == len(export.journal) + file.repeated + file.without_day + len(file.rejected)


CELLS = st.sampled_from(
    [
        "",
        "true",
        "0",
        "99",
        "1e9",
        "-1",
        "2026-03-07 02:38:36",
        "2026-03-07 11:00:00",
        "UTC-05:00",
        "UTCZ",
        "x\x00y",
    ]
)


@given(st.lists(st.lists(CELLS, min_size=26, max_size=26), max_size=6))
def test_every_row_of_any_cells_is_a_record_a_repetition_or_rejected(rows):
    content = ",".join(COLUMNS["cycles"]) + "\n" + "".join(",".join(row) + "\n" for row in rows)
    export = read_export({CYCLES: content.encode()})
    file = export.files[CYCLES]
    # A row with an unusable sleep is rejected, but its cycle is read.
    without_sleep = {row.line for row in file.rejected} & {cycle.line for cycle in export.cycles}
    without_cycle = len(file.rejected) - len(without_sleep)
    assert file.rows == len(export.cycles) + file.repeated + file.merged + without_cycle
    assert file.rows == sum(any(cell for cell in row) for row in rows)
    assert all(cycle.end_time is None or cycle.end_time > cycle.start_time for cycle in export.cycles)


def test_two_different_files_of_one_kind_are_an_error():
    first, second = (csv_of("cycles", [cycle_row(**{"Day Strain": strain})]) for strain in "12")
    with pytest.raises(UnreadableExport, match=r"a/sleeps.csv and b/cycles.csv are both"):
        read_export({"a/sleeps.csv": first, "b/cycles.csv": second})
    # A second download of the same file is ignored.
    assert len(read_export({"cycles.csv": first, "cycles (1).csv": first}).cycles) == 1
