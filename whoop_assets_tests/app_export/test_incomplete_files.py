"""A rejected row may have been a workout or a nap: the counts of its day are NULL instead of 0."""

from datetime import date

import pytest
from sqlalchemy import select

from whoop_assets.app_export.tables import imports
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.support.data.app_exports import (
    CYCLES_OF_THREE_DAYS,
    NIGHTS,
    csv_of,
    cycle,
    daily_by_day,
    export,
    listed,
    nap,
    under,
)

JUNE_2, JUNE_3, JUNE_4 = (date(2025, 6, day) for day in (2, 3, 4))
BAD_TIME = {"Workout end time": "late"}
BAD_ZONE = {"Cycle timezone": ""}
BAD_CYCLE = {"Cycle start time": "yesterday"}


def workout(day, activity="Running", **cells):
    return under(day) | {
        "Workout start time": f"2025-06-{day:02} 17:30:00",
        "Workout end time": f"2025-06-{day:02} 18:30:00",
        "Activity name": activity,
        **cells,
    }


def counts(database, member=-1, of="workout_count"):
    days = daily_by_day(database, member)
    return [days[day][of] for day in (JUNE_2, JUNE_3, JUNE_4)]


def imported(database, workouts, member=None, **kinds):
    return import_export(database, export(cycles=CYCLES_OF_THREE_DAYS, workouts=workouts, **kinds), member)


@pytest.mark.parametrize("cells", [BAD_TIME, BAD_ZONE])
def test_the_day_of_a_rejected_workout_has_no_count_and_the_others_have_one(sqlite_database, cells):
    done = imported(sqlite_database, [workout(2), workout(3, **cells)])
    assert [rejected.line for rejected in done.rejected] == [3]
    assert counts(sqlite_database) == [1, None, 0]
    assert counts(sqlite_database, of="workout_minutes") == [60, None, 0]
    # The same file with the row corrected.
    imported(sqlite_database, [workout(2), workout(3)], -1)
    assert counts(sqlite_database) == [1, 1, 0]


def test_a_row_that_names_no_day_leaves_the_counts_of_all_days_open(sqlite_database):
    imported(sqlite_database, [workout(2), workout(3, **BAD_CYCLE)])
    assert counts(sqlite_database) == [1, None, None]
    imported(sqlite_database, [workout(2)], -1)
    assert counts(sqlite_database) == [1, 0, 0]


def test_a_line_that_was_cut_concerns_the_day_of_its_first_cell(sqlite_database):
    files = export(cycles=CYCLES_OF_THREE_DAYS, workouts=[workout(2)])
    files["workouts.csv"] += b"2025-06-02 23:00:00,2025-06-03 23:00:00,UTC-0"
    import_export(sqlite_database, files, None)
    assert counts(sqlite_database) == [1, None, 0]


def test_a_row_that_contradicts_another_one_leaves_no_count_open(sqlite_database):
    done = imported(sqlite_database, [workout(2), workout(2, **{"Activity Strain": "5"})])
    assert len(done.rejected) == 1
    assert counts(sqlite_database) == [1, 0, 0]


def test_the_day_of_a_rejected_nap_has_no_count(sqlite_database):
    bad = listed(3, nap(3), is_nap=True, **{"Wake onset": "later"})
    imported(sqlite_database, [], sleeps=[*NIGHTS, bad])
    assert counts(sqlite_database, of="nap_count") == [0, None, 0]
    assert counts(sqlite_database, of="sleep_duration_minutes") == [440, 450, 430]


def test_an_older_export_adds_the_workout_that_a_newer_one_could_not_give(sqlite_database):
    newer = export(
        cycles=[cycle(5), *CYCLES_OF_THREE_DAYS], workouts=[workout(2, "Yoga"), workout(3, **BAD_TIME)]
    )
    import_export(sqlite_database, newer, None)
    assert counts(sqlite_database) == [1, None, 0]
    older = imported(sqlite_database, [workout(2), workout(3), workout(4)], -1)
    # Of June 2 and 4 the newer export has every workout.
    assert counts(sqlite_database) == [1, 1, 0]
    assert (older.kinds["workouts"].stored.new, older.kinds["workouts"].stored.older) == (1, 2)
    assert daily_by_day(sqlite_database)[JUNE_2]["sports"] == "yoga"


@pytest.mark.parametrize("first", ["cycles", "workouts"])
def test_a_file_that_comes_alone_tells_of_the_days_without_a_workout_too(sqlite_database, first):
    files = {"cycles": CYCLES_OF_THREE_DAYS, "workouts": [workout(2), workout(4)]}
    for kind in (first, *(files.keys() - {first})):
        import_export(sqlite_database, export(**{kind: files[kind]}), None if kind == first else -1)
    assert counts(sqlite_database) == [1, 0, 1]


def test_the_same_incomplete_export_again_changes_nothing(sqlite_database):
    files = [workout(2), workout(3, **BAD_TIME)]
    imported(sqlite_database, files)
    assert imported(sqlite_database, files, -1).days_rebuilt == 0
    with sqlite_database.read() as connection:
        known = {row.kind: row.incomplete_days for row in connection.execute(select(imports))}
    assert known == {"cycles": "", "workouts": "2025-06-03"}


@pytest.mark.parametrize("blank", [b"\n", b"\r\n\r\n", b",,,\n"])
def test_blank_lines_before_the_headings_do_not_hide_the_rows(sqlite_database, blank):
    files = export(cycles=CYCLES_OF_THREE_DAYS) | {"workouts.csv": blank + csv_of("workouts", [workout(3)])}
    import_export(sqlite_database, files, None)
    assert counts(sqlite_database) == [0, 1, 0]
