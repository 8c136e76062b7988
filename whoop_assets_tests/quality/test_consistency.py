"""Each consistency rule reports its violations by member and day, and nothing else."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, func, insert, select, update

from whoop_assets.quality import consistency
from whoop_assets.quality.valid_ranges import BOUNDS
from whoop_assets.records import tables
from whoop_assets.schema import metadata
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.summaries.daily.test_sixty_days import FIRST, LAST, MEMBER
from whoop_assets_tests.summaries.daily.test_sixty_days import home as sixty_days  # noqa: F401 - a fixture
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

LOOKS = {
    look.__name__: look
    for look in (
        consistency.out_of_bounds,
        consistency.duplicates,
        consistency.broken_links,
        consistency.stage_mismatches,
        consistency.cycle_gaps,
        consistency.missing_days,
        consistency.missing_summaries,
        consistency.open_quarantine,
        consistency.count_mismatches,
    )
}
DAYS = 24


def named(connection):
    """Return rule -> reported members and days, for rules with violations."""
    found = {name: look(connection) for name, look in LOOKS.items()}
    for violations in found.values():
        assert (violations.count == 0) == (violations.examples == [])
    return {
        name: sorted((example.user_id, example.day) for example in violations.examples)
        for name, violations in found.items()
        if violations.count
    }


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=DAYS)) as made:
        made.load_and_summarise(TODAY - timedelta(days=DAYS), TODAY)
        yield made


def test_consistent_data_has_no_violations(home):
    with home.database.read() as connection:
        assert named(connection) == {}
        assert consistency.missing_days(connection).looked_at == len(home.rows("daily_summary"))
        in_tables = sum(len(home.rows(stream)) for stream in tables.RECORD_TABLES)
        assert consistency.count_mismatches(connection).looked_at == in_tables


@dataclass
class Somebody:
    """One night of a member with the cycles before and after it."""

    user_id: int
    day: date
    before: int
    cycle: int
    after: int
    sleep: str
    workout: str
    workout_day: date


def somebody(home):
    """Return a day with a sleep, a recovery and a workout, one cycle and no nap."""
    rows = {stream: home.rows(stream) for stream in tables.RECORD_TABLES}
    for user_id in home.members:
        cycles = sorted(
            (row for row in rows["cycles"].values() if row["user_id"] == user_id),
            key=lambda row: row["start_time"],
        )
        for before, cycle, after in zip(cycles[5:], cycles[6:], cycles[7:-3], strict=False):
            of_day = {
                stream: [
                    row
                    for row in rows[stream].values()
                    if (row["user_id"], row["day"]) == (user_id, cycle["day"])
                ]
                for stream in rows
            }
            single = all(len(of_day[stream]) == 1 for stream in of_day)
            in_a_row = [before["day"] + timedelta(days=n) for n in range(3)]
            if single and in_a_row == [before["day"], cycle["day"], after["day"]]:
                return Somebody(
                    user_id, cycle["day"], before["id"], cycle["id"], after["id"],
                    of_day["sleeps"][0]["id"], of_day["workouts"][0]["id"], of_day["workouts"][0]["day"],
                )  # fmt: skip
    raise AssertionError("The world has no ordinary day.")


t = SimpleNamespace(**metadata.tables)


def change(table, key, **values):
    name = "sleep_id" if table is t.recoveries else "id"
    return lambda connection: connection.execute(update(table).where(table.c[name] == key).values(**values))


def lose(table, key):
    name = "sleep_id" if table is t.recoveries else "id"
    return lambda connection: connection.execute(delete(table).where(table.c[name] == key))


LATER = {"first_seen_at": NOW + timedelta(minutes=1), "payload": "{}"}


def copied(table, key, new_key):
    def plant(connection):
        row = dict(connection.execute(select(table).where(table.c.id == key)).mappings().one())
        connection.execute(insert(table).values(**row | LATER | {"id": new_key}))

    return plant


def second_recovery(who):
    def plant(connection):
        r = t.recoveries
        row = dict(connection.execute(select(r).where(r.c.sleep_id == who.sleep)).mappings().one())
        connection.execute(insert(r).values(**row | LATER | {"sleep_id": "another"}))

    return plant


def rejected(who):
    return lambda connection: connection.execute(
        insert(t.quarantine).values(
            user_id=who.user_id, stream="sleeps", content_hash="0" * 64, payload="{}",
            reason="Sleep: start is missing.",
            endpoint="/v2/activity/sleep", first_seen_at=NOW, last_seen_at=NOW,
        )
    )  # fmt: skip


def plants(who) -> dict[str, tuple[Callable[..., object], dict[str, list[tuple[int, date | None]]]]]:
    """Return defect -> function that plants it, and the expected violations by rule."""
    day, user = who.day, who.user_id
    here, nowhere = [(user, day)], [(user, None)]
    d = t.daily_summary.c
    of_day = (d.user_id == user, d.day == day)
    return {
        "a strain of 21.5": (change(t.cycles, who.cycle, strain=21.5), {"out_of_bounds": here}),
        "a percentage above 100": (
            change(t.sleeps, who.sleep, sleep_efficiency_percentage=100.5),
            {"out_of_bounds": here},
        ),
        "an HRV in seconds": (
            change(t.recoveries, who.sleep, hrv_rmssd_milli=0.0612),
            {"out_of_bounds": here},
        ),
        "a share in percent": (
            change(t.workouts, who.workout, percent_recorded=98.75),
            {"out_of_bounds": here},
        ),
        "a heart that does not beat, beside a strain": (
            change(t.cycles, who.cycle, average_heart_rate=0),
            {"out_of_bounds": here},
        ),
        "a workout under two ids": (copied(t.workouts, who.workout, "copy"), {"duplicates": here}),
        "a sleep under two ids": (copied(t.sleeps, who.sleep, "copy"), {"duplicates": here}),
        "two recoveries of one night": (second_recovery(who), {"duplicates": here, "broken_links": here}),
        "a lost cycle": (
            lose(t.cycles, who.cycle),
            {
                "broken_links": [(user, day)] * 3,
                "cycle_gaps": [(user, day - timedelta(days=1))],
                "count_mismatches": nowhere,
            },
        ),
        "a lost sleep": (
            lose(t.sleeps, who.sleep),
            {"broken_links": here, "count_mismatches": nowhere},
        ),
        "a lost recovery": (lose(t.recoveries, who.sleep), {"count_mismatches": nowhere}),
        "a lost workout": (lose(t.workouts, who.workout), {"count_mismatches": nowhere}),
        "stages that do not add up": (
            change(t.sleeps, who.sleep, total_awake_time_milli=t.sleeps.c.total_awake_time_milli + 1_001),
            {"stage_mismatches": here},
        ),
        "a cycle that ends early": (
            lambda connection: connection.execute(
                update(t.cycles)
                .where(t.cycles.c.id == who.before)
                .values(
                    end_time=select(t.cycles.c.start_time).where(t.cycles.c.id == who.after).scalar_subquery()
                )
            ),
            {"cycle_gaps": [(user, day - timedelta(days=1))]},
        ),
        "an old cycle that is open": (
            change(t.cycles, who.cycle, end_time=None),
            {"cycle_gaps": here},
        ),
        "a summary that was never built": (
            lambda connection: connection.execute(delete(t.daily_summary).where(*of_day)),
            {"missing_summaries": [(user, day)] * 4, "missing_days": here},
        ),
        "a summary of nothing": (
            lambda connection: connection.execute(
                update(t.daily_summary).where(*of_day).values(day=TODAY + timedelta(days=1))
            ),
            {
                "missing_summaries": [(user, day)] * 4 + [(user, TODAY + timedelta(days=1))],
                "missing_days": here,
            },
        ),
        "a record in quarantine": (rejected(who), {"open_quarantine": nowhere}),
    }


def test_each_planted_defect_is_reported_and_nothing_else(home):
    who = somebody(home)
    not_as_expected = {}
    for what, (plant, expected) in plants(who).items():
        with home.database.write(home.members) as connection:
            plant(connection)
            found = named(connection)
            connection.rollback()
        if found != expected:
            not_as_expected[what] = (found, expected)
    assert not_as_expected == {}
    with home.database.read() as connection:
        assert named(connection) == {}


def test_a_stale_day_without_a_summary_is_allowed(home):
    who = somebody(home)
    with home.database.write(home.members) as connection:
        d, s = t.daily_summary, t.stale_days
        connection.execute(delete(d).where(d.c.user_id == who.user_id, d.c.day == who.day))
        connection.execute(insert(s).values(user_id=who.user_id, day=who.day, generation=1, changed_at=NOW))
        assert named(connection) == {}


def test_recoveries_without_sleeps_are_allowed_without_the_sleep_scope(home):
    who = somebody(home)
    with home.database.write(home.members) as connection:
        lose(t.sleeps, who.sleep)(connection)
        connection.execute(update(t.members).values(scopes="offline read:cycles read:recovery"))
        assert set(named(connection)) == {"count_mismatches"}


def test_all_violations_are_counted_and_the_newest_twenty_are_examples(home):
    with home.database.write(home.members) as connection:
        connection.execute(update(t.recoveries).values(recovery_score=101))
        found = consistency.out_of_bounds(connection)
        scored = connection.scalar(
            select(func.count()).select_from(t.recoveries).where(t.recoveries.c.deleted_at.is_(None))
        )
        assert found.count == scored > consistency.MAX_EXAMPLES
        assert len(found.examples) == consistency.MAX_EXAMPLES
        days = [example.day for example in found.examples]
        assert days == sorted(days, reverse=True) and days[0] >= TODAY - timedelta(days=1)
        assert "recovery_score 101 is not 0 to 100 (WHOOP's API document)" in found.examples[0].what
        connection.rollback()


def test_a_rare_but_real_value_is_kept_and_reported(home):
    """The ranges are plausible ones, not the limits of what can happen."""
    high_mountain, run_of_a_day = (t.recoveries, "spo2_percentage", 65.0), (t.cycles, "step_count", 260_000)
    for table, column, value in (high_mountain, run_of_a_day):
        with home.database.write(home.members) as connection:
            connection.execute(update(table).values({column: value}))
            assert f"{column} {value:g} is not" in consistency.out_of_bounds(connection).examples[0].what
            assert set(connection.scalars(select(table.c[column]).distinct())) == {value}
            connection.rollback()


def test_later_changes_do_not_affect_the_counts(home):
    """Delete, move and reject records, and read a part again: the counts still match WHOOP's pages."""
    who = somebody(home)
    # Time passes while pages are read and missing records are asked for.
    home.world.before_request = lambda *_: home.clock.advance(0.5)
    home.advance(timedelta(hours=1))
    home.world.delete(who.user_id, "workouts", who.workout)
    home.world.edit(
        who.user_id,
        "sleeps",
        who.sleep,
        {"start": f"{who.day - timedelta(days=2)}T01:00:00.000Z"},
        follow=False,
    )
    home.load(who.day - timedelta(days=1), who.day + timedelta(days=1))
    with home.database.read() as connection:
        assert consistency.count_mismatches(connection).count == 0
    home.advance(timedelta(hours=1))
    home.world.edit(who.user_id, "cycles", who.after, {"score_state": 17}, follow=False)
    home.load(TODAY - timedelta(days=DAYS), TODAY)
    with home.database.read() as connection:
        assert set(named(connection)) == {"open_quarantine"}
    home.world.edit(who.user_id, "cycles", who.after, {"score_state": "SCORED"}, follow=False)
    home.advance(timedelta(hours=1))
    home.load(TODAY - timedelta(days=DAYS), TODAY)
    with home.database.read() as connection:
        looked = consistency.count_mismatches(connection)
        assert looked.count == 0
        assert looked.looked_at == sum(len(home.rows(stream)) for stream in tables.RECORD_TABLES)


def test_a_lost_row_is_still_reported_after_a_partial_reload(home):
    """The last days are read again every hour; the check runs once a day."""
    who = somebody(home)
    with home.database.write(home.members) as connection:
        lose(t.sleeps, who.sleep)(connection)
        lose(t.workouts, who.workout)(connection)
    for _ in range(3):
        home.advance(timedelta(hours=1))
        home.load(who.day + timedelta(days=2), TODAY)
        with home.database.read() as connection:
            found = consistency.count_mismatches(connection)
        assert sorted((example.user_id, example.what.split()[0]) for example in found.examples) == [
            (who.user_id, "sleeps"),
            (who.user_id, "workouts"),
        ]
    home.load(who.day, who.day)
    with home.database.read() as connection:
        found = consistency.count_mismatches(connection)
        assert found.count == 0
        assert found.looked_at == sum(len(home.rows(stream)) for stream in tables.RECORD_TABLES)


@pytest.mark.parametrize("seed", [3, 6])
def test_counts_match_after_any_edits_and_partial_reloads(sqlite_url, seed):
    chance = random.Random(seed)
    with at_home(sqlite_url, frozen_world(days=DAYS, seed=seed)) as home:
        home.world.before_request = lambda *_: home.clock.advance(0.2)
        home.load(TODAY - timedelta(days=DAYS), TODAY)
        for step in range(8):
            home.advance(timedelta(hours=chance.choice((1, 7, 26))))
            home.world.random_edits(home.member, chance.randint(0, 6), seed * 100 + step)
            last = home.clock.now().date() - timedelta(days=chance.randint(0, 30))
            streams = chance.choice((tuple(tables.RECORD_TABLES), ("cycles",), ("sleeps", "recoveries")))
            home.load(last - timedelta(days=chance.randint(0, 8)), last, streams)
            with home.database.read() as connection:
                assert consistency.count_mismatches(connection).examples == []
        # And they are counts: a lost row is reported if coverage has the number of rows of its span.
        with home.database.write(home.members) as connection:
            known = select(t.coverage.c.start_time, t.coverage.c.end_time).where(
                t.coverage.c.stream == "sleeps", t.coverage.c.records > 0
            )
            start, end = connection.execute(known).first()
            connection.execute(
                delete(t.sleeps).where(t.sleeps.c.start_time >= start, t.sleeps.c.start_time < end)
            )
            assert consistency.count_mismatches(connection).count == 1


def test_exactly_the_known_oddities_of_the_sixty_days_are_reported(sixty_days):  # noqa: F811
    sixty_days.load_and_summarise(FIRST, LAST)
    with sixty_days.database.read() as connection:
        assert named(connection) == {
            "broken_links": [
                (MEMBER, date(2026, 10, 20)),  # a sauna outside of any cycle
                (MEMBER, date(2026, 11, 2)),  # a recovery without its sleep
                (MEMBER, date(2026, 11, 4)),  # a nap without its cycle
            ],
            "cycle_gaps": [(MEMBER, date(2026, 10, 19))],
            "missing_days": [(MEMBER, date(2026, 10, 21))],
        }


def test_every_measured_column_has_a_valid_range():
    """Each measured column needs a valid range."""
    for stream in STREAMS:
        measured = {
            column.name
            for column in tables.RECORD_TABLES[stream].c
            if str(column.type) in ("DOUBLE", "INTEGER", "BIGINT")
            and column.name not in ("id", "user_id", "cycle_id", "sport_id")
        }
        assert set(BOUNDS[stream]) == measured
