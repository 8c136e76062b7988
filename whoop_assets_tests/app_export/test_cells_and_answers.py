"""What a bad cell, a bad row and an answer without a day cost, and how each warning is cleared."""

from datetime import date

import pytest
from sqlalchemy import func, select

from whoop_assets.app_export.parsing import UnreadableExport, read_export
from whoop_assets.app_export.tables import IMPORTED_TABLES, export_quarantine, imported_journal
from whoop_assets.members import store as member_store
from whoop_assets.quality import consistency, quarantine_entries
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
    under,
)

JUNE_2, JUNE_3, JUNE_4 = (date(2025, 6, day) for day in (2, 3, 4))
TOO_MUCH = {"Sleep efficiency %": "101"}


def daily(database):
    with database.read() as connection:
        return {row["day"]: row for row in connection.execute(select(tables.daily_summary)).mappings()}


def rows_of(database, table):
    with database.read() as connection:
        return list(connection.execute(select(table)).mappings())


def out_of_bounds(database):
    with database.read() as connection:
        return [one.what for one in consistency.out_of_bounds(connection).examples]


def test_a_value_out_of_range_of_a_nap_is_kept_with_the_nap_and_named(sqlite_database):
    sleeps = [*NIGHTS, listed(2, nap(2, 50) | TOO_MUCH, is_nap=True)]
    done = import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS, sleeps=sleeps), None)
    assert (done.rejected, done.faults) == ([], [])
    assert daily(sqlite_database)[JUNE_2]["nap_count"] == 1
    kept = {row["sleep_efficiency_percentage"] for row in rows_of(sqlite_database, IMPORTED_TABLES["sleeps"])}
    assert kept == {94, 101}
    (what,) = out_of_bounds(sqlite_database)
    assert "sleep_efficiency_percentage 101" in what and "exported sleeps" in what


def test_the_same_of_a_night_costs_the_day_nothing(sqlite_database):
    cycles = [cycle(4, 60), cycle(3, 70, night(3) | TOO_MUCH), cycle(2, 65)]
    sleeps = [NIGHTS[0], listed(3, night(3) | TOO_MUCH), NIGHTS[2]]
    import_export(sqlite_database, export(cycles=cycles, sleeps=sleeps), None)
    row = daily(sqlite_database)[JUNE_3]
    assert (row["strain"], row["recovery_score"], row["sleep_duration_minutes"]) == (10.2, 70, 450)
    assert row["sleep_efficiency_percentage"] == 101


@pytest.mark.parametrize(
    ("column", "cell", "field", "kept"),
    [
        ("Recovery score %", "104", "recovery_score", 104),
        ("Day Strain", "-1", "strain", -1),
        ("Max HR (bpm)", "900", "max_heart_rate", 900),
        ("Max HR (bpm)", "99999999999", "max_heart_rate", None),
        ("Day Strain", "high", "strain", None),
        ("Recovery score %", "?", "recovery_score", None),
    ],
)
def test_any_other_bad_cell_costs_only_itself(sqlite_database, column, cell, field, kept):
    bad = [cycle(4), cycle(3, 70, **{column: cell}), cycle(2)]
    done = import_export(sqlite_database, export(cycles=bad), None)
    row = daily(sqlite_database)[JUNE_3]
    assert row[field] == kept
    rest = {"strain": 10.2, "recovery_score": 70, "max_heart_rate": 151, "sleep_duration_minutes": 450}
    assert {name: row[name] for name in rest if name != field} == {
        k: v for k, v in rest.items() if k != field
    }
    assert done.rejected == []
    assert [(fault.line, fault.reason.partition(":")[0]) for fault in done.faults] == (
        [(3, column)] if kept is None else []
    )
    assert len(out_of_bounds(sqlite_database)) == (kept is not None)


@pytest.mark.parametrize("cell", ["", "-", "n/a", "NaN", "null", " "])
def test_a_sign_for_nothing_is_nothing(cell):
    found = read_export(export(cycles=[cycle(3, 70, **{"Day Strain": cell})]))
    assert found.cycles[0].values["strain"] is None
    assert found.files["physiological_cycles.csv"].faults == []


def test_a_row_without_a_zone_is_rejected_with_its_line_and_the_others_are_read(sqlite_database):
    cycles = [cycle(4), cycle(3, 70, **{"Cycle timezone": ""}), cycle(2)]
    done = import_export(sqlite_database, export(cycles=cycles), None)
    assert [(one.file, one.line) for one in done.rejected] == [("physiological_cycles.csv", 3)]
    assert set(daily(sqlite_database)) == {JUNE_2, JUNE_4}


ANSWERED = under(2) | {"Question text": "Any alcohol?", "Answered yes": "true"}
WITHOUT_DAY = {"Question text": "Any alcohol?", "Answered yes": "false"}


def test_answers_without_a_cycle_are_counted_and_nothing_else(sqlite_database):
    files = export(cycles=CYCLES_OF_THREE_DAYS, sleeps=NIGHTS, journal=[WITHOUT_DAY, ANSWERED])
    done = import_export(sqlite_database, files, None)
    assert (done.without_day, done.rejected) == (1, [])
    assert [row["answered_yes"] for row in rows_of(sqlite_database, imported_journal)] == [True]
    assert rows_of(sqlite_database, export_quarantine) == []
    # They are no reason to distrust the file: what it no longer lists goes.
    other = under(3) | {"Question text": "Any caffeine?", "Answered yes": "true"}
    files = export(cycles=CYCLES_OF_THREE_DAYS, journal=[WITHOUT_DAY, ANSWERED, other])
    import_export(sqlite_database, files, -1)
    assert len(rows_of(sqlite_database, imported_journal)) == 2
    import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS, journal=[WITHOUT_DAY, ANSWERED]), -1)
    assert len(rows_of(sqlite_database, imported_journal)) == 1


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({"cycles": [cycle(3, 70, **{"Cycle timezone": ""})]}, "All 1 rows of the export were refused"),
        ({"cycles": [], "journal": [WITHOUT_DAY]}, "no rows that belong to a day"),
    ],
)
def test_an_export_of_which_nothing_can_be_stored_makes_no_member(sqlite_database, kinds, says):
    with pytest.raises(UnreadableExport, match=says):
        import_export(sqlite_database, export(**kinds), None)
    with sqlite_database.read() as connection:
        assert member_store.listed(connection) == []
        assert connection.scalar(select(func.count()).select_from(export_quarantine)) == 0


def test_a_dismissed_row_stays_dismissed_when_it_comes_again_and_another_one_does_not(sqlite_database, clock):
    files = export(cycles=[cycle(4), cycle(3, 70, **{"Cycle timezone": ""}), cycle(2)])
    import_export(sqlite_database, files, None)
    with sqlite_database.write() as connection:
        (entry,) = quarantine_entries.entries(connection)
        assert (entry.source, entry.place) == ("physiological_cycles.csv", "line 3")
        assert quarantine_entries.dismiss(connection, [entry.id], sqlite_database.now(connection)) == 1
        assert quarantine_entries.entries(connection) == []
        assert consistency.open_quarantine(connection).count == 0
    again = import_export(sqlite_database, files, -1)
    assert (again.rejected, again.dismissed) == ([], 1)
    with sqlite_database.read() as connection:
        assert quarantine_entries.entries(connection) == []
    other = export(cycles=[cycle(4), cycle(3, 71, **{"Cycle timezone": ""}), cycle(2)])
    assert len(import_export(sqlite_database, other, -1).rejected) == 1
