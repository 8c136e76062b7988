"""Importing: once and again, corrected, older, somebody else's; whose days are filled, and by what."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from whoop_assets.app_export import store as export_store
from whoop_assets.app_export.matching import TOLERANCE, Known, pairs
from whoop_assets.app_export.parsing import UnreadableExport, read_files
from whoop_assets.app_export.tables import IMPORTED_TABLES, export_quarantine, imports
from whoop_assets.errors import UnknownMember
from whoop_assets.members import store as member_store
from whoop_assets.quality import consistency
from whoop_assets.records import coverage
from whoop_assets.records import tables as record_tables
from whoop_assets.records.coverage import Span
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS
from whoop_assets.schema import metadata
from whoop_assets.summaries import tables as summary_tables
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.export_import.import_export import ForeignExport, LeavesSomethingBehind, import_export
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.members import membership
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import frozen_world
from whoop_simulator.world.app_export import COLUMNS, NAMES, files_of, write_export

FIRST_NIGHT = datetime(2026, 9, 1, 23, 0, 0)


def clock_of(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def nights(count, *, first=0, shift=timedelta(0), open_end=True, zone="UTC+02:00", **cells):
    """Rows of physiological_cycles.csv, one cycle a day, as exported when the last of them was the newest."""
    rows = []
    for n in range(first, first + count):
        start = FIRST_NIGHT + timedelta(days=n) + shift
        last = open_end and n == first + count - 1
        rows.append(
            {
                "Cycle start time": clock_of(start),
                "Cycle end time": "" if last else clock_of(start + timedelta(days=1)),
                "Cycle timezone": zone,
                "Recovery score %": str(40 + n % 50),
                "Heart rate variability (ms)": str(50 + n % 30),
                "Day Strain": "" if last else "10.5",
                **cells,
            }
        )
    return rows


def listed(n, shift=timedelta(0)):
    """The columns that say under which cycle a row stands."""
    return {
        key: value for key, value in nights(1, first=n, shift=shift)[0].items() if key.startswith("Cycle")
    }


def workout(n, activity="Running", *, hour=12, **cells):
    start = FIRST_NIGHT + timedelta(days=n, hours=hour)
    return {
        **listed(n),
        "Workout start time": clock_of(start),
        "Workout end time": clock_of(start + timedelta(hours=1)),
        "Activity name": activity,
        "Activity Strain": "8.0",
        **cells,
    }


def csv_of(kind, rows):
    lines = [",".join(COLUMNS[kind])]
    lines += [",".join(row.get(column, "") for column in COLUMNS[kind]) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def export_of(**kinds):
    return {NAMES[kind]: csv_of(kind, rows) for kind, rows in kinds.items()}


def rows_of(database, table, user_id=-1):
    with database.read() as connection:
        query = select(table).where(table.c.user_id == user_id)
        return [dict(row) for row in connection.execute(query).mappings()]


def daily(database, user_id=-1):
    return {row["day"]: row for row in rows_of(database, summary_tables.daily_summary, user_id)}


def everything(database, *, without=()):
    """All rows of all tables, but when they were imported last."""
    found = {}
    with database.read() as connection:
        for table in metadata.sorted_tables:
            columns = [c for c in table.c if c.name not in without and c.name != "id"]
            found[table.name] = sorted(map(str, connection.execute(select(*columns)).all()))
    return found


def test_the_same_export_again_changes_nothing_but_when_it_was_imported(database, clock):
    truth = frozen_world(days=30, seed=3)
    files = files_of(truth.truth(truth.user_ids[0]))
    first = import_export(database, files, None)
    before = everything(database, without={"imported_at"})
    clock.advance(timedelta(hours=3))
    again = import_export(database, files, first.user_id)
    assert everything(database, without={"imported_at"}) == before
    for one in again.kinds.values():
        assert (one.stored.new, one.stored.changed, one.stored.gone) == (0, 0, 0)
        assert one.stored.same == one.in_export > 0
    assert again.days_rebuilt == 0
    with database.read() as connection:
        for ledger in (STALE_DAYS, STALE_TRENDS, STALE_WEEKS):
            assert ledger.stale(connection) == []
    # Trends and weeks have followed.
    assert len(rows_of(database, summary_tables.trends)) == len(daily(database)) == again.filled_days
    assert rows_of(database, summary_tables.weekly_summary)


def test_a_later_export_replaces_what_it_corrects_and_what_it_no_longer_lists_goes(sqlite_database):
    import_export(
        sqlite_database,
        export_of(cycles=nights(10), workouts=[workout(2), workout(3), workout(4, "Activity"), workout(8)]),
        None,
    )
    corrected = nights(12)
    corrected[3]["Recovery score %"] = "99"
    done = import_export(
        sqlite_database,
        export_of(cycles=corrected, workouts=[workout(2), workout(4, "Spin"), workout(8)]),
        -1,
    )
    cycles, workouts = done.kinds["cycles"].stored, done.kinds["workouts"].stored
    # The cycle that was open has ended, one is corrected, two are new.
    assert (cycles.new, cycles.changed, cycles.same, cycles.gone) == (2, 2, 8, 0)
    assert (workouts.new, workouts.changed, workouts.same, workouts.gone) == (1, 0, 2, 2)
    days = daily(sqlite_database)
    assert days[date(2026, 9, 5)]["recovery_score"] == 99
    assert days[date(2026, 9, 6)]["sports"] == "spin"
    assert days[date(2026, 9, 5)]["workout_count"] == 0


def test_an_older_export_never_overwrites_a_newer_one_and_adds_what_that_does_not_cover(sqlite_database):
    newer = nights(10, first=5)
    import_export(sqlite_database, export_of(cycles=newer, workouts=[workout(6)]), None)
    before = daily(sqlite_database)
    old = nights(10, first=0, **{"Recovery score %": "1"})
    done = import_export(sqlite_database, export_of(cycles=old, workouts=[workout(2), workout(7)]), -1)
    assert done.kinds["cycles"].stored.older == 5
    assert (done.kinds["cycles"].stored.new, done.kinds["workouts"].stored.new) == (5, 1)
    after = daily(sqlite_database)
    assert {day: row for day, row in after.items() if day in before} == before
    assert len(after) == 15


def test_of_a_file_that_was_not_wholly_understood_nothing_is_taken_as_gone(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(5), workouts=[workout(1), workout(2)]), None)
    broken = export_of(cycles=nights(5), workouts=[workout(1), workout(2, **{"Workout end time": "late"})])
    done = import_export(sqlite_database, broken, -1)
    assert done.kinds["workouts"].stored.gone == 0
    assert [(one.file, one.line) for one in done.rejected] == [("workouts.csv", 3)]
    (kept,) = rows_of(sqlite_database, export_quarantine)
    assert "Workout end time" in kept["reason"] and "late" in kept["row_text"] and kept["resolved_at"] is None
    with sqlite_database.read() as connection:
        assert consistency.open_quarantine(connection).count == 1
    import_export(sqlite_database, export_of(workouts=[workout(1), workout(2)]), -1)
    (kept,) = rows_of(sqlite_database, export_quarantine)
    assert kept["resolved_at"] is not None
    with sqlite_database.read() as connection:
        assert consistency.open_quarantine(connection).count == 0


def test_naps_and_workouts_are_unknown_until_their_file_comes_also_when_it_holds_none(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(5)), None)
    assert {row["workout_count"] for row in daily(sqlite_database).values()} == {None}
    assert {row["nap_minutes"] for row in daily(sqlite_database).values()} == {None}
    import_export(sqlite_database, export_of(cycles=nights(5), workouts=[], sleeps=[]), -1)
    assert {row["workout_count"] for row in daily(sqlite_database).values()} == {0}
    assert {row["nap_minutes"] for row in daily(sqlite_database).values()} == {0.0}


def test_only_the_newest_cycle_is_partial(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(5)), None)
    assert [row["is_partial"] for _, row in sorted(daily(sqlite_database).items())] == [*[False] * 4, True]


def test_somebody_elses_export_is_refused_and_nothing_stored(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(20)), None)
    before = everything(sqlite_database)
    strangers = export_of(cycles=nights(20, shift=timedelta(minutes=47)))
    with pytest.raises(ForeignExport, match=r"--member new.*--force"):
        import_export(sqlite_database, strangers, -1)
    assert everything(sqlite_database) == before
    # What lies in time of which nothing is known tells nothing.
    later = export_of(cycles=nights(20, first=40))
    assert import_export(sqlite_database, later, -1).kinds["cycles"].stored.new == 20
    assert import_export(sqlite_database, strangers, -1, force=True).kinds["cycles"].stored.new > 0


def test_an_export_without_rows_and_a_member_who_is_not_here_are_refused(sqlite_database):
    with pytest.raises(UnreadableExport, match="no rows"):
        import_export(sqlite_database, export_of(cycles=[]), None)
    with pytest.raises(UnknownMember):
        import_export(sqlite_database, export_of(cycles=nights(1)), 77)
    with sqlite_database.read() as connection:
        assert member_store.listed(connection) == []


def connected(database, user_id):
    with database.write([user_id]) as connection:
        profile = {"email": None, "first_name": None, "last_name": None}
        member_store.connect(connection, user_id, ["read:cycles", "offline"], profile, NOW)


def test_who_connects_later_takes_the_place_of_who_came_from_an_export_and_nothing_is_lost(sqlite_database):
    whole = export_of(cycles=nights(10), workouts=[workout(1)])
    import_export(sqlite_database, whole, None)
    connected(sqlite_database, 501)
    with pytest.raises(LeavesSomethingBehind, match="not in this export"):
        import_export(sqlite_database, export_of(cycles=nights(10)), 501, instead_of=-1)
    assert daily(sqlite_database, 501) == {}
    with pytest.raises(LeavesSomethingBehind, match="cannot be replaced"):
        import_export(sqlite_database, whole, -1, instead_of=501)
    import_export(sqlite_database, whole, 501, instead_of=-1)
    assert len(daily(sqlite_database, 501)) == 10
    with sqlite_database.read() as connection:
        assert [member.user_id for member in member_store.listed(connection)] == [501]
        assert (
            connection.scalar(select(func.count()).select_from(imports).where(imports.c.user_id == -1)) == 0
        )


def test_new_members_get_numbers_that_whoop_never_gives(database):
    connected(database, 501)
    assert [import_export(database, export_of(cycles=nights(1)), None).user_id for _ in range(3)] == [
        -1,
        -2,
        -3,
    ]


# Beside the API


def give(database, user_id, start, *, end=None, deleted=False, identity=1, offset="+02:00", day=None):
    """A cycle as the API gave it."""
    with database.write([user_id]) as connection:
        row = {
            "id": identity,
            "user_id": user_id,
            "day": day or (start + timedelta(hours=14)).date(),
            "start_time": start,
            "end_time": end or start + timedelta(days=1),
            "timezone_offset": offset,
            "score_state": "SCORED",
            "created_at": NOW,
            "updated_at": NOW,
            "strain": 20.0,
            "payload": "{}",
            "content_hash": str(identity),
            "first_seen_at": NOW,
            "changed_at": NOW,
            "synced_at": NOW,
            "deleted_at": NOW if deleted else None,
        }
        connection.execute(insert(record_tables.cycles), [row])
        STALE_DAYS.mark(connection, user_id, [row["day"]], NOW)


def night_utc(n):
    return (FIRST_NIGHT + timedelta(days=n) - timedelta(hours=2)).replace(tzinfo=UTC)


def read_by_the_api(database, user_id, *streams):
    """Enter in the ledger of coverage that these streams were read for all days of these tests."""
    with database.write([user_id]) as connection:
        for stream in streams:
            coverage.record(connection, user_id, stream, Span(night_utc(-9), night_utc(60)), NOW)


def test_a_day_of_which_the_api_read_every_stream_is_the_apis_and_an_export_fills_what_it_did_not_read(
    database,
):
    import_export(database, export_of(cycles=nights(6), workouts=[workout(3)]), None)
    day = date(2026, 9, 5)
    assert daily(database)[day]["workout_count"] == 1

    def values():
        rebuild_days(database, [-1], day, day)
        row = daily(database)[day]
        return row["source"], row["strain"], row["recovery_score"], row["workout_count"]

    give(database, -1, night_utc(3) + timedelta(milliseconds=314))
    assert values() == ("mixed", 20.0, 43.0, 1)
    read_by_the_api(database, -1, "cycles")
    assert values() == ("mixed", 20.0, 43.0, 1)
    read_by_the_api(database, -1, "workouts")
    assert values() == ("mixed", 20.0, 43.0, 0)
    read_by_the_api(database, -1, "sleeps", "recoveries")
    assert values() == ("api", 20.0, None, 0)
    assert daily(database)[date(2026, 9, 6)]["source"] == "export"
    matched = {row["start_time"]: row["matched_id"] for row in rows_of(database, IMPORTED_TABLES["cycles"])}
    assert [start for start, identity in matched.items() if identity is not None] == [night_utc(3)]


def test_what_whoop_has_deleted_is_not_brought_back_by_an_export(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(6)), None)
    give(sqlite_database, -1, night_utc(3), deleted=True)
    rebuild_days(sqlite_database, [-1], date(2026, 9, 1), date(2026, 9, 30))
    assert date(2026, 9, 5) not in daily(sqlite_database)


def test_a_cycle_that_the_api_has_on_another_day_does_not_fill_its_own(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(6)), None)
    give(sqlite_database, -1, night_utc(3), day=date(2026, 9, 6), offset="+14:00")
    rebuild_days(sqlite_database, [-1], date(2026, 9, 6), date(2026, 9, 6))
    with sqlite_database.read() as connection:
        stale = [entry.day for entry in STALE_DAYS.stale(connection)]
    assert stale == [date(2026, 9, 5)]  # its match is another one now, so it is built anew
    rebuild_days(sqlite_database, [-1], date(2026, 9, 5), date(2026, 9, 5))
    assert date(2026, 9, 5) not in daily(sqlite_database)
    row = daily(sqlite_database)[date(2026, 9, 6)]
    # The cycle has taken its recovery along, 43 and not the 44 of the next one.
    assert (row["source"], row["cycle_count"], row["recovery_score"]) == ("mixed", 1, 43.0)


@pytest.mark.parametrize(("apart", "same"), [(-60, True), (-61, False), (0, True), (60, True), (61, False)])
def test_two_starts_are_one_within_a_minute(sqlite_database, apart, same):
    import_export(sqlite_database, export_of(cycles=nights(2)), None)
    give(sqlite_database, -1, night_utc(0) + timedelta(seconds=apart))
    rebuild_days(sqlite_database, [-1], date(2026, 9, 1), date(2026, 9, 30))
    matched = [row["matched_id"] for row in rows_of(sqlite_database, IMPORTED_TABLES["cycles"])]
    assert sorted(matched, key=str) == ([1, None] if same else [None, None])


MOMENTS = st.lists(st.integers(0, 400), max_size=8, unique=True)


@given(MOMENTS, MOMENTS, st.sets(st.integers(0, 7)))
def test_no_record_is_in_two_pairs_every_pair_is_near_and_what_is_left_over_has_no_neighbour(
    ours, theirs, dead
):
    def at(seconds):
        return NOW + timedelta(seconds=seconds)

    known = [Known(f"id {n}", at(seconds), n not in dead) for n, seconds in enumerate(theirs)]
    found = pairs([((n,), at(seconds)) for n, seconds in enumerate(ours)], known)
    assert len(set(found.values())) == len(found)
    starts = {one.id: one.start for one in known}
    for (n,), identity in found.items():
        assert abs(at(ours[n]) - starts[identity]) <= TOLERANCE
    for n, seconds in enumerate(ours):
        if (n,) not in found:
            free = [one for one in known if one.id not in found.values()]
            assert all(abs(one.start - at(seconds)) > TOLERANCE for one in free)
    assert found == pairs([((n,), at(seconds)) for n, seconds in enumerate(ours)][::-1], known[::-1])


def test_the_checks_find_nothing_wrong_with_filled_days_and_see_a_lost_one(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(6), workouts=[workout(3)]), None)
    give(sqlite_database, -1, night_utc(9), identity=9)
    rebuild_days(sqlite_database, [-1], date(2026, 9, 1), date(2026, 9, 30))
    with sqlite_database.read() as connection:
        assert consistency.missing_summaries(connection).count == 0
        assert consistency.missing_days(connection).count == 0  # nobody can say what lies between the two
    with sqlite_database.write() as connection:
        c = summary_tables.daily_summary.c
        connection.execute(summary_tables.daily_summary.delete().where(c.day == date(2026, 9, 4)))
    with sqlite_database.read() as connection:
        assert [one.day for one in consistency.missing_summaries(connection).examples] == [date(2026, 9, 4)]


# Who is not connected is left alone


class _NoWhoop:
    """What a load would ask; it must not."""

    def __init__(self, database):
        self.database = database


def test_no_load_asks_whoop_about_who_came_from_an_export(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(3)), None)
    day = date(2026, 9, 3)
    order = LoadRequest("cycles", day, day, day, NOW, NOW)
    done = load_members(_NoWhoop(sqlite_database), order)
    assert (done.loads, done.skipped, done.failures, done.to_reconnect) == ([], [], [], [])
    named = LoadRequest("cycles", day, day, day, NOW, NOW, members=(-1,))
    assert "from an export alone" in load_members(_NoWhoop(sqlite_database), named).skipped[0]


# Folders


def test_a_folder_is_read_like_the_zip_and_links_in_it_are_not_followed(tmp_path):
    world = frozen_world(days=5, seed=3)
    files = files_of(world.truth(world.user_ids[0]), "subfolder")
    write_export(tmp_path / "export", files)
    write_export(tmp_path / "export.zip", files)
    assert read_files(tmp_path / "export") == read_files(tmp_path / "export.zip")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "sleeps.csv").symlink_to(tmp_path / "export.zip")
    with pytest.raises(UnreadableExport):
        read_files(tmp_path / "linked")


def test_erasing_takes_everything_that_was_imported(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(3), workouts=[workout(1)]), None)
    with sqlite_database.write([-1]) as connection:
        membership.erase_member(connection, -1)
    left = everything(sqlite_database)
    assert {name for name, rows in left.items() if rows} <= {"token_key", "request_gate", "export_only_ids"}


def test_agreement_counts_starts_that_fall_into_known_cycles(sqlite_database):
    import_export(sqlite_database, export_of(cycles=nights(10, open_end=False)), None)
    with sqlite_database.read() as connection:
        inside = [night_utc(n) + timedelta(hours=n) for n in range(3)]
        assert export_store.agreement(connection, -1, inside) == (3, 1)
        assert export_store.agreement(connection, -1, [night_utc(50)]) == (0, 0)
