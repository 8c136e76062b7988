"""Invalid cells and rows, and journal answers without a day: their effect and their warnings."""

from datetime import date

import pytest
from sqlalchemy import func, select

from whoop_assets.app_export.parsing.archive import UnreadableExport
from whoop_assets.app_export.parsing.reading import read_export
from whoop_assets.app_export.tables import IMPORTED_TABLES, export_quarantine, imported_journal
from whoop_assets.members import store as member_store
from whoop_assets.quality import consistency, quarantine_entries
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
    stored_rows,
    under,
)

JUNE_2, JUNE_3, JUNE_4 = (date(2025, 6, day) for day in (2, 3, 4))
OUT_OF_RANGE = {"Sleep efficiency %": "101"}


def out_of_bounds(database):
    with database.read() as connection:
        return [example.what for example in consistency.out_of_bounds(connection).examples]


def test_an_out_of_range_value_of_a_nap_is_stored_and_reported(sqlite_database):
    sleeps = [*NIGHTS, listed(2, nap(2, 50) | OUT_OF_RANGE, is_nap=True)]
    result = import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS, sleeps=sleeps), None)
    assert (result.rejected, result.faults) == ([], [])
    assert daily_by_day(sqlite_database)[JUNE_2]["nap_count"] == 1
    efficiencies = {
        row["sleep_efficiency_percentage"] for row in stored_rows(sqlite_database, IMPORTED_TABLES["sleeps"])
    }
    assert efficiencies == {94, 101}
    (text,) = out_of_bounds(sqlite_database)
    assert "sleep_efficiency_percentage 101" in text and "exported sleeps" in text


def test_an_out_of_range_value_of_a_night_removes_no_value_of_the_day(sqlite_database):
    cycles = [cycle(4, 60), cycle(3, 70, night(3) | OUT_OF_RANGE), cycle(2, 65)]
    sleeps = [NIGHTS[0], listed(3, night(3) | OUT_OF_RANGE), NIGHTS[2]]
    import_export(sqlite_database, export(cycles=cycles, sleeps=sleeps), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert (row["strain"], row["recovery_score"], row["sleep_duration_minutes"]) == (10.2, 70, 450)
    assert row["sleep_efficiency_percentage"] == 101


@pytest.mark.parametrize(
    ("column", "cell", "field", "stored"),
    [
        ("Recovery score %", "104", "recovery_score", 104),
        ("Day Strain", "-1", "strain", -1),
        ("Max HR (bpm)", "900", "max_heart_rate", 900),
        ("Max HR (bpm)", "99999999999", "max_heart_rate", None),
        ("Day Strain", "high", "strain", None),
        ("Recovery score %", "?", "recovery_score", None),
    ],
)
def test_an_invalid_cell_affects_no_other_value(sqlite_database, column, cell, field, stored):
    cycles = [cycle(4), cycle(3, 70, **{column: cell}), cycle(2)]
    result = import_export(sqlite_database, export(cycles=cycles), None)
    row = daily_by_day(sqlite_database)[JUNE_3]
    assert row[field] == stored
    other_values = {
        "strain": 10.2,
        "recovery_score": 70,
        "max_heart_rate": 151,
        "sleep_duration_minutes": 450,
    }
    assert {name: row[name] for name in other_values if name != field} == {
        name: value for name, value in other_values.items() if name != field
    }
    assert result.rejected == []
    assert [(fault.line, fault.reason.partition(":")[0]) for fault in result.faults] == (
        [(3, column)] if stored is None else []
    )
    assert len(out_of_bounds(sqlite_database)) == (stored is not None)


@pytest.mark.parametrize("cell", ["", "-", "n/a", "NaN", "null", " "])
def test_signs_for_a_missing_value_are_read_as_none(cell):
    export_read = read_export(export(cycles=[cycle(3, 70, **{"Day Strain": cell})]))
    assert export_read.cycles[0].values["strain"] is None
    assert export_read.files["physiological_cycles.csv"].faults == []


def test_a_row_without_a_time_zone_is_rejected_with_its_line_number(sqlite_database):
    cycles = [cycle(4), cycle(3, 70, **{"Cycle timezone": ""}), cycle(2)]
    result = import_export(sqlite_database, export(cycles=cycles), None)
    assert [(row.file, row.line) for row in result.rejected] == [("physiological_cycles.csv", 3)]
    assert set(daily_by_day(sqlite_database)) == {JUNE_2, JUNE_4}


ANSWERED = under(2) | {"Question text": "Any alcohol?", "Answered yes": "true"}
WITHOUT_DAY = {"Question text": "Any alcohol?", "Answered yes": "false"}


def test_answers_without_a_cycle_are_counted_but_not_stored(sqlite_database):
    files = export(cycles=CYCLES_OF_THREE_DAYS, sleeps=NIGHTS, journal=[WITHOUT_DAY, ANSWERED])
    result = import_export(sqlite_database, files, None)
    assert (result.without_day, result.rejected) == (1, [])
    assert [row["answered_yes"] for row in stored_rows(sqlite_database, imported_journal)] == [True]
    assert stored_rows(sqlite_database, export_quarantine) == []
    # The file still counts as complete: an answer that a later file lacks is deleted.
    other = under(3) | {"Question text": "Any caffeine?", "Answered yes": "true"}
    files = export(cycles=CYCLES_OF_THREE_DAYS, journal=[WITHOUT_DAY, ANSWERED, other])
    import_export(sqlite_database, files, -1)
    assert len(stored_rows(sqlite_database, imported_journal)) == 2
    import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS, journal=[WITHOUT_DAY, ANSWERED]), -1)
    assert len(stored_rows(sqlite_database, imported_journal)) == 1


@pytest.mark.parametrize(
    ("kinds", "error"),
    [
        ({"cycles": [cycle(3, 70, **{"Cycle timezone": ""})]}, "Every row of the export was refused"),
        ({"cycles": [], "journal": [WITHOUT_DAY]}, "no rows that belong to a day"),
    ],
)
def test_an_export_without_usable_rows_creates_no_member(sqlite_database, kinds, error):
    with pytest.raises(UnreadableExport, match=error):
        import_export(sqlite_database, export(**kinds), None)
    with sqlite_database.read() as connection:
        assert member_store.listed(connection) == []
        assert connection.scalar(select(func.count()).select_from(export_quarantine)) == 0


def test_importing_a_dismissed_row_again_does_not_quarantine_it(sqlite_database, clock):
    files = export(cycles=[cycle(4), cycle(3, 70, **{"Cycle timezone": ""}), cycle(2)])
    import_export(sqlite_database, files, None)
    with sqlite_database.write() as connection:
        (entry,) = quarantine_entries.entries(connection)
        assert (entry.source, entry.place) == ("physiological_cycles.csv", "line 3")
        assert quarantine_entries.dismiss(connection, [entry.id], sqlite_database.now(connection)) == 1
        assert quarantine_entries.entries(connection) == []
        assert consistency.open_quarantine(connection).count == 0
    second = import_export(sqlite_database, files, -1)
    assert (second.rejected, second.dismissed) == ([], 1)
    with sqlite_database.read() as connection:
        assert quarantine_entries.entries(connection) == []
    other = export(cycles=[cycle(4), cycle(3, 71, **{"Cycle timezone": ""}), cycle(2)])
    assert len(import_export(sqlite_database, other, -1).rejected) == 1
