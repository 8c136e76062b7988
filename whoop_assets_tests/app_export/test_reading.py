"""An export is taken apart: times, units, variants, what cannot be read, and what is not safe to read."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.app_export.parsing import FILES, UnreadableExport, archive, files_of_zip, read_export
from whoop_assets.app_export.parsing.activities import slug
from whoop_assets.app_export.parsing.headings import plain
from whoop_assets.app_export.parsing.rows import STRAIN
from whoop_assets.app_export.parsing.values import instant, zone
from whoop_simulator.world.app_export import COLUMNS

CYCLES, SLEEPS, WORKOUTS, JOURNAL = FILES
LISTED = {
    "Cycle start time": "2026-03-07 02:38:36",
    "Cycle end time": "2026-03-08 03:40:18",
    "Cycle timezone": "UTC-05:00",
}


def csv_of(kind, *rows, columns=None):
    columns = columns or COLUMNS[kind]
    lines = [",".join(columns)]
    lines += [",".join(row.get(column, "") for column in columns) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def cycle_row(**cells):
    return {**LISTED, **cells}


def one_cycle(**cells):
    export = read_export({CYCLES: csv_of("cycles", cycle_row(**cells))})
    (cycle,) = export.cycles
    return cycle


def test_times_are_utc_by_the_cycles_own_clock_also_the_end_that_the_next_row_shows_by_another():
    cycle = one_cycle()
    assert cycle.start == datetime(2026, 3, 7, 7, 38, 36, tzinfo=UTC)
    # The next row of a real export of that night began at 04:40:18 UTC-04:00: the same instant.
    assert cycle.end == instant("2026-03-08 04:40:18", zone("UTC-04:00"))
    assert cycle.day == date(2026, 3, 7)
    assert cycle.offset == "-05:00"


def test_an_evening_start_is_of_the_next_day():
    assert one_cycle(**{"Cycle start time": "2026-03-06 23:10:00"}).day == date(2026, 3, 7)


def test_what_is_empty_is_none_and_the_newest_cycle_has_no_end():
    cycle = one_cycle(**{"Cycle end time": ""})
    assert cycle.end is None
    assert set(cycle.values.values()) == {None}


def test_units_are_the_apis():
    said = {
        "Day Strain": "12.3",
        "Energy burned (cal)": "2456",
        "Max HR (bpm)": "171",
        "Average HR (bpm)": "70.0",
        "Heart rate variability (ms)": "48.5",
    }
    values = one_cycle(**said).values
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


def test_percentages_of_a_workout_are_time_in_zones():
    (workout,) = read_export({WORKOUTS: csv_of("workouts", WORKOUT)}).workouts
    assert workout.values["zone_one_milli"] == 15 * 60_000
    assert workout.values["zone_five_milli"] == 3 * 60_000
    assert workout.values["zone_two_milli"] is None
    assert workout.sport_name == "hiking-rucking"
    assert workout.start == datetime(2026, 3, 7, 22, tzinfo=UTC)


def test_workouts_with_seventeen_columns_lack_distance_and_nothing_else():
    columns = COLUMNS["workouts"][:17]
    full = {**WORKOUT, "Distance (meters)": "5103.0"}
    (workout,) = read_export({WORKOUTS: csv_of("workouts", full, columns=columns)}).workouts
    (same,) = read_export({WORKOUTS: csv_of("workouts", full)}).workouts
    assert same.values["distance_meter"] == 5103.0
    assert workout.values == {**same.values, "distance_meter": None}


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        ("Strength Trainer", "weightlifting_msk"),
        ("Running", "running"),
        ("Jumping Rope", "jumping-rope"),
        ("Track & Field", "track-field"),
    ],
)
def test_activities_are_the_apis_slugs(activity, expected):
    assert slug(activity) == expected


@given(
    st.datetimes(datetime(2013, 1, 1), datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * 15),
)
def test_any_wall_time_of_any_zone_is_the_instant_it_was(wall, minutes):
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    text = "UTCZ" if not minutes else f"UTC{sign}{size // 60:02}:{size % 60:02}"
    there = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert instant(wall.strftime("%Y-%m-%d %H:%M:%S"), zone(text)) == there.astimezone(UTC)


@pytest.mark.parametrize("bad", ["UTC+15:00", "EST", "UTC5", "", "UTC+01:75", "UTC+٠١:00"])
def test_what_is_no_zone_is_refused(bad):
    with pytest.raises(ValueError):
        zone(bad)


BAD = {
    "a time that does not exist": {"Cycle start time": "2026-02-30 02:00:00"},
    "a time of another form": {"Cycle start time": "yesterday"},
    "no time": {"Cycle start time": ""},
    "no zone": {"Cycle timezone": ""},
    "an end before the start": {"Cycle end time": "2026-03-06 00:00:00"},
    "a year of a broken clock": {"Cycle start time": "1970-01-01 00:00:00"},
}


@pytest.mark.parametrize("cells", BAD.values(), ids=BAD)
def test_a_row_that_cannot_be_is_kept_with_file_line_and_reason_and_the_others_land(cells):
    good = cycle_row(**{"Cycle start time": "2026-03-08 03:40:18", "Cycle end time": ""})
    export = read_export({CYCLES: csv_of("cycles", good, cycle_row(**cells))})
    assert [cycle.line for cycle in export.cycles] == [2]
    (rejected,) = export.files[CYCLES].rejected
    assert (rejected.file, rejected.line) == (CYCLES, 3)
    assert rejected.reason and rejected.text
    assert export.files[CYCLES].rows == 2


@pytest.mark.parametrize("cell", ["much", "Anna 5", "Ja", "was ill", "x" * 30, "No\u0661", "5\nill"])
@pytest.mark.parametrize("column", ["Day Strain", "Cycle start time", "Cycle timezone"])
def test_no_word_of_a_cell_is_in_the_reason(column, cell):
    export = read_export({CYCLES: csv_of("cycles", cycle_row(**{column: f'"{cell}"'}))})
    found = export.files[CYCLES]
    (rejected,) = found.faults if column == "Day Strain" else found.rejected
    assert rejected.reason.startswith(f"{column}: a ")
    assert f"of {len(cell)} characters is not" in rejected.reason
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
def test_a_number_a_time_or_a_zone_that_cannot_be_is_in_the_reason(column, cell):
    export = read_export({CYCLES: csv_of("cycles", cycle_row(**{column: f'"{cell}"'}))})
    (rejected,) = export.files[CYCLES].faults or export.files[CYCLES].rejected
    assert cell.removesuffix(" %") in rejected.reason


def test_a_truncated_line_and_a_line_with_too_much_are_rejected_and_blank_ones_are_nothing():
    content = csv_of("journal", {**LISTED, "Question text": "Slept well?", "Answered yes": "true"})
    content += b"\n2026-03-07 02:38:36,2026-03\n" + b"a,b,c,d,e,f,g\n"
    export = read_export({JOURNAL: content})
    assert [entry.question for entry in export.journal] == ["Slept well?"]
    assert [one.line for one in export.files[JOURNAL].rejected] == [4, 5]


def test_lines_are_counted_as_an_editor_counts_them_also_behind_a_note_of_several():
    content = csv_of(
        "journal", {**LISTED, "Question text": "A?", "Answered yes": "true", "Notes": '"one\ntwo"'}
    )
    content += csv_of("journal", {**LISTED, "Question text": "B?", "Answered yes": "perhaps"}).split(
        b"\n", 1
    )[1]
    export = read_export({JOURNAL: content})
    assert export.journal[0].notes == "one\ntwo"
    assert [one.line for one in export.files[JOURNAL].rejected] == [4]


def test_the_same_row_twice_is_counted_and_a_contradiction_is_rejected():
    answer = {**LISTED, "Question text": "Caffeine? ", "Answered yes": "TRUE"}
    other = {**answer, "Answered yes": "FALSE"}
    export = read_export({JOURNAL: csv_of("journal", answer, answer, other)})
    assert [(entry.question, entry.answered_yes) for entry in export.journal] == [("Caffeine?", True)]
    found = export.files[JOURNAL]
    assert found.repeated == 1
    assert "line 2" in found.rejected[0].reason


def test_main_sleeps_come_from_the_cycles_where_their_own_file_is_not_there():
    night = {
        "Sleep onset": "2026-03-07 02:38:36",
        "Wake onset": "2026-03-07 10:39:21",
        "Asleep duration (min)": "440",
    }
    cycles = csv_of("cycles", cycle_row(**night))
    (sleep,) = read_export({CYCLES: cycles}).sleeps
    assert (sleep.nap, sleep.values["asleep_milli"]) == (False, 440 * 60_000)
    own = csv_of("sleeps", cycle_row(**{**night, "Asleep duration (min)": "441", "Nap": "false"}))
    (sleep,) = read_export({CYCLES: cycles, SLEEPS: own}).sleeps
    assert sleep.values["asleep_milli"] == 441 * 60_000


def test_columns_are_found_by_name_whatever_their_order_case_and_company():
    columns = ("X", *reversed(COLUMNS["cycles"]))
    (cycle,) = read_export(
        {CYCLES: csv_of("cycles", cycle_row(**{"Day Strain": "9.5"}), columns=columns)}
    ).cycles
    assert cycle.values["strain"] == 9.5
    assert plain("HR Zone 1 %") == plain("hr_zone_1_%")
    assert len({plain(heading) for heading, _ in STRAIN.values()}) == len(STRAIN)


def test_a_file_without_a_column_that_places_its_rows_is_refused_and_one_that_is_no_text():
    with pytest.raises(UnreadableExport, match="Cycle timezone"):
        read_export({CYCLES: b"Cycle start time,Day Strain\n2026-01-01 00:00:00,5\n"})
    with pytest.raises(UnreadableExport, match="headings"):
        read_export({CYCLES: bytes(range(256))})


def test_a_file_that_is_empty_holds_nothing():
    assert read_export({JOURNAL: b"", WORKOUTS: b"\xef\xbb\xbf"}).cycle_starts == []


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_break_it_and_every_row_is_a_record_a_repetition_or_rejected(noise, with_heading):
    heading = ",".join(COLUMNS["journal"]).encode() + b"\n" if with_heading else b""
    try:
        export = read_export({JOURNAL: heading + noise})
    except UnreadableExport:
        return
    found = export.files[JOURNAL]
    assert found.rows == len(export.journal) + found.repeated + found.without_day + len(found.rejected)


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
def test_rows_of_any_cells_are_records_repetitions_or_rejected_and_none_is_lost(rows):
    content = ",".join(COLUMNS["cycles"]) + "\n" + "".join(",".join(row) + "\n" for row in rows)
    export = read_export({CYCLES: content.encode()})
    found = export.files[CYCLES]
    # A row whose sleep cannot be placed is among the rejected ones, and its cycle is kept.
    without_sleep = {one.line for one in found.rejected} & {cycle.line for cycle in export.cycles}
    lost = len(found.rejected) - len(without_sleep)
    assert found.rows == len(export.cycles) + found.repeated + found.merged + lost
    assert found.rows == sum(any(cell for cell in row) for row in rows)
    assert all(cycle.end is None or cycle.end > cycle.start for cycle in export.cycles)


# Zips


def zipped(entries, *, compression=zipfile.ZIP_DEFLATED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as out:
        for name, content in entries:
            out.writestr(name, content)
    held.seek(0)
    return held


def test_files_are_found_in_folders_and_what_macos_adds_is_no_second_one():
    held = zipped(
        [
            ("my_whoop_data/", b""),
            ("my_whoop_data/Sleeps.csv", b"a"),
            ("__MACOSX/my_whoop_data/._sleeps.csv", b"b"),
            ("read me.txt", b"c"),
        ]
    )
    assert files_of_zip(held, "export.zip") == {"my_whoop_data/Sleeps.csv": b"a"}


LINK = zipfile.ZipInfo("sleeps.csv")
LINK.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    "name",
    ["../sleeps.csv", "/etc/sleeps.csv", "a/../../sleeps.csv", "..\\sleeps.csv", "C:\\sleeps.csv", LINK],
    ids=str,
)
def test_a_path_that_leads_out_is_refused(name):
    with pytest.raises(UnreadableExport, match="leads out"):
        files_of_zip(zipped([(name, b"x"), ("workouts.csv", b"")]), "export.zip")


def test_a_bomb_is_refused_while_it_is_read(monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 1024 * 1024)
    held = zipped([("sleeps.csv", b"\0" * (1024 * 1024 + 1))])
    assert len(held.getvalue()) < 5_000
    with pytest.raises(UnreadableExport, match="larger than 1 MiB"):
        files_of_zip(held, "export.zip")


def test_a_size_that_the_zip_understates_does_not_help_a_bomb(monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 1000)
    honest = zipped([("sleeps.csv", b"\0" * 5000)]).getvalue()
    lying = honest.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(UnreadableExport):
        files_of_zip(io.BytesIO(lying), "export.zip")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 not really", zipped([("notes.txt", b"x")]).getvalue()],
    ids=["empty", "cut", "other"],
)
def test_what_is_no_export_is_refused_in_one_sentence(content):
    with pytest.raises(UnreadableExport) as error:
        files_of_zip(io.BytesIO(content), "export.zip")
    assert "export.zip" in str(error.value)


def test_a_file_that_is_there_twice_is_refused_as_which_is_meant_cannot_be_told():
    one, other = (csv_of("cycles", cycle_row(**{"Day Strain": strain})) for strain in "12")
    with pytest.raises(UnreadableExport, match=r"a/sleeps.csv and b/cycles.csv are both"):
        read_export({"a/sleeps.csv": one, "b/cycles.csv": other})
    # The same file again, as a second download leaves it, is no second export.
    assert len(read_export({"cycles.csv": one, "cycles (1).csv": one}).cycles) == 1
