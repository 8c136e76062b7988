"""Repeated, corrected, older, partly unreadable and foreign exports, and members without a connection."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from whoop_assets.app_export import store as export_store
from whoop_assets.app_export.parsing.archive import UnreadableExport
from whoop_assets.app_export.tables import export_quarantine, imports
from whoop_assets.errors import UnknownMember
from whoop_assets.members import store as member_store
from whoop_assets.quality import consistency
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS
from whoop_assets.schema import metadata
from whoop_assets.summaries import tables as summary_tables
from whoop_assets.sync.import_export import ForeignExport, LeavesSomethingBehind, import_export
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.members import membership
from whoop_assets_tests.app_export.export_rows import connect, night_utc, nights, workout
from whoop_assets_tests.support.data.app_exports import daily_by_day, export, stored_rows
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import frozen_world
from whoop_simulator.world.app_export import files_of


def all_rows(database, *, without=()):
    """Return all rows of all tables, without the columns `without`."""
    rows = {}
    with database.read() as connection:
        for table in metadata.sorted_tables:
            columns = [c for c in table.c if c.name not in without and c.name != "id"]
            rows[table.name] = sorted(map(str, connection.execute(select(*columns)).all()))
    return rows


def test_importing_an_export_again_changes_only_the_import_time(database, clock):
    truth = frozen_world(days=30, seed=3)
    files = files_of(truth.truth(truth.user_ids[0]))
    first = import_export(database, files, None)
    before = all_rows(database, without={"imported_at"})
    clock.advance(timedelta(hours=3))
    second = import_export(database, files, first.user_id)
    assert all_rows(database, without={"imported_at"}) == before
    for counts in second.kinds.values():
        assert (counts.stored.new, counts.stored.changed, counts.stored.gone) == (0, 0, 0)
        assert counts.stored.same == counts.in_export > 0
    assert second.days_rebuilt == 0
    with database.read() as connection:
        for ledger in (STALE_DAYS, STALE_TRENDS, STALE_WEEKS):
            assert ledger.stale(connection) == []
    # The import also builds trends and weeks.
    assert (
        len(stored_rows(database, summary_tables.trends)) == len(daily_by_day(database)) == second.filled_days
    )
    assert stored_rows(database, summary_tables.weekly_summary)


def test_a_newer_export_corrects_adds_and_deletes_records(sqlite_database):
    import_export(
        sqlite_database,
        export(cycles=nights(10), workouts=[workout(2), workout(3), workout(4, "Activity"), workout(8)]),
        None,
    )
    corrected = nights(12)
    corrected[3]["Recovery score %"] = "99"
    result = import_export(
        sqlite_database,
        export(cycles=corrected, workouts=[workout(2), workout(4, "Spin"), workout(8)]),
        -1,
    )
    cycles, workouts = result.kinds["cycles"].stored, result.kinds["workouts"].stored
    # The open cycle has ended, another cycle is corrected, and two cycles are new.
    assert (cycles.new, cycles.changed, cycles.same, cycles.gone) == (2, 2, 8, 0)
    assert (workouts.new, workouts.changed, workouts.same, workouts.gone) == (1, 0, 2, 2)
    days = daily_by_day(sqlite_database)
    assert days[date(2026, 9, 5)]["recovery_score"] == 99
    assert days[date(2026, 9, 6)]["sports"] == "spin"
    assert days[date(2026, 9, 5)]["workout_count"] == 0


def test_an_older_export_adds_records_only_outside_the_span_of_a_newer_one(sqlite_database):
    newer = nights(10, first=5)
    import_export(sqlite_database, export(cycles=newer, workouts=[workout(6)]), None)
    before = daily_by_day(sqlite_database)
    old = nights(10, first=0, **{"Recovery score %": "1"})
    result = import_export(sqlite_database, export(cycles=old, workouts=[workout(2), workout(7)]), -1)
    assert result.kinds["cycles"].stored.older == 5
    assert (result.kinds["cycles"].stored.new, result.kinds["workouts"].stored.new) == (5, 1)
    after = daily_by_day(sqlite_database)
    assert {day: row for day, row in after.items() if day in before} == before
    assert len(after) == 15


def test_a_file_with_a_rejected_row_deletes_no_record(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(5), workouts=[workout(1), workout(2)]), None)
    broken = export(cycles=nights(5), workouts=[workout(1), workout(2, **{"Workout end time": "late"})])
    result = import_export(sqlite_database, broken, -1)
    assert result.kinds["workouts"].stored.gone == 0
    assert [(row.file, row.line) for row in result.rejected] == [("workouts.csv", 3)]
    (entry,) = stored_rows(sqlite_database, export_quarantine)
    assert (
        "Workout end time" in entry["reason"] and "late" in entry["row_text"] and entry["resolved_at"] is None
    )
    with sqlite_database.read() as connection:
        assert consistency.open_quarantine(connection).count == 1
    import_export(sqlite_database, export(workouts=[workout(1), workout(2)]), -1)
    (entry,) = stored_rows(sqlite_database, export_quarantine)
    assert entry["resolved_at"] is not None
    with sqlite_database.read() as connection:
        assert consistency.open_quarantine(connection).count == 0


def test_naps_and_workouts_are_unknown_without_their_file_and_zero_with_an_empty_file(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(5)), None)
    assert {row["workout_count"] for row in daily_by_day(sqlite_database).values()} == {None}
    assert {row["nap_minutes"] for row in daily_by_day(sqlite_database).values()} == {None}
    import_export(sqlite_database, export(cycles=nights(5), workouts=[], sleeps=[]), -1)
    assert {row["workout_count"] for row in daily_by_day(sqlite_database).values()} == {0}
    assert {row["nap_minutes"] for row in daily_by_day(sqlite_database).values()} == {0.0}


def test_only_the_newest_cycle_is_partial(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(5)), None)
    assert [row["is_partial"] for _, row in sorted(daily_by_day(sqlite_database).items())] == [
        *[False] * 4,
        True,
    ]


def test_an_export_of_another_member_is_rejected_before_any_change(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(20)), None)
    before = all_rows(sqlite_database)
    other_members = export(cycles=nights(20, shift=timedelta(minutes=47)))
    with pytest.raises(ForeignExport, match=r"--member new.*--force"):
        import_export(sqlite_database, other_members, -1)
    assert all_rows(sqlite_database) == before
    # Records outside the known time are no sign of another member.
    later = export(cycles=nights(20, first=40))
    assert import_export(sqlite_database, later, -1).kinds["cycles"].stored.new == 20
    assert import_export(sqlite_database, other_members, -1, force=True).kinds["cycles"].stored.new > 0


def test_an_export_without_rows_and_an_unknown_member_are_errors(sqlite_database):
    with pytest.raises(UnreadableExport, match="no rows"):
        import_export(sqlite_database, export(cycles=[]), None)
    with pytest.raises(UnknownMember):
        import_export(sqlite_database, export(cycles=nights(1)), 77)
    with sqlite_database.read() as connection:
        assert member_store.listed(connection) == []


def test_a_connected_member_replaces_an_export_member_only_without_loss_of_data(sqlite_database):
    complete = export(cycles=nights(10), workouts=[workout(1)])
    import_export(sqlite_database, complete, None)
    connect(sqlite_database, 501)
    with pytest.raises(LeavesSomethingBehind, match="not in this export"):
        import_export(sqlite_database, export(cycles=nights(10)), 501, instead_of=-1)
    assert daily_by_day(sqlite_database, 501) == {}
    with pytest.raises(LeavesSomethingBehind, match="cannot be replaced"):
        import_export(sqlite_database, complete, -1, instead_of=501)
    import_export(sqlite_database, complete, 501, instead_of=-1)
    assert len(daily_by_day(sqlite_database, 501)) == 10
    with sqlite_database.read() as connection:
        assert [member.user_id for member in member_store.listed(connection)] == [501]
        assert (
            connection.scalar(select(func.count()).select_from(imports).where(imports.c.user_id == -1)) == 0
        )


def test_members_from_exports_get_negative_ids(database):
    connect(database, 501)
    assert [import_export(database, export(cycles=nights(1)), None).user_id for _ in range(3)] == [
        -1,
        -2,
        -3,
    ]


class _NoWhoop:
    """A session without API; a request would raise AttributeError."""

    def __init__(self, database):
        self.database = database


def test_loads_send_no_request_for_members_from_exports(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(3)), None)
    day = date(2026, 9, 3)
    request = LoadRequest("cycles", day, day, day, NOW, NOW)
    result = load_members(_NoWhoop(sqlite_database), request)
    assert (result.loads, result.skipped, result.failures, result.to_reconnect) == ([], [], [], [])
    named = LoadRequest("cycles", day, day, day, NOW, NOW, members=(-1,))
    assert "from an export alone" in load_members(_NoWhoop(sqlite_database), named).skipped[0]


def test_erasing_a_member_deletes_all_imported_rows(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(3), workouts=[workout(1)]), None)
    with sqlite_database.write([-1]) as connection:
        membership.erase_member(connection, -1)
    remaining = all_rows(sqlite_database)
    assert {name for name, rows in remaining.items() if rows} <= {
        "token_key",
        "request_gate",
        "export_only_ids",
    }


def test_agreement_counts_starts_within_known_cycles_and_equal_starts(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(10, open_end=False)), None)
    with sqlite_database.read() as connection:
        inside = [night_utc(n) + timedelta(hours=n) for n in range(3)]
        assert export_store.agreement(connection, -1, inside) == (3, 1)
        assert export_store.agreement(connection, -1, [night_utc(50)]) == (0, 0)
