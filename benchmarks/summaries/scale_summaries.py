"""Summaries, trends and weeks of a cohort on PostgreSQL: time and peak memory, against a bare SELECT of the
same rows.

    python -m benchmarks.summaries.scale_summaries    # 500 members, five years: 912,500 days
    python -m benchmarks.summaries.scale_summaries --members 50 --days 365

SQL generates the records in the database. Each phase is a process, so that its memory is its own. The bare
SELECT reads the same columns and rows in the same pieces into pandas.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from sqlalchemy import func, select, text, update

from benchmarks.peak import peak
from whoop_assets.db.database import Database
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS
from whoop_assets.records.tables import RECORD_TABLES, sleeps
from whoop_assets.schema import prepare
from whoop_assets.summaries import rebuild, store
from whoop_assets.summaries.tables import daily_summary, weekly_summary
from whoop_assets.summaries.tables import trends as trends_table
from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.trends.windows import BACK_DAYS
from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS
from whoop_assets_tests.support.servers.postgres import running_server

MEGABYTE = 1_000_000
FIRST = date(2021, 1, 1)
CHANGED_DAYS = 20

EVERY_DAY = """
from generate_series(1, :members) as user_id, generate_series(0, :days - 1) as n,
lateral (select
    (timestamptz '2020-12-31 22:30+00' + n * interval '1 day' + random() * interval '1 hour') as onset,
    user_id::bigint * 100000 + n as key, random() as a, random() as b, random() as c) as drawn
"""
COMMON = "'{}', repeat('0', 64), onset, onset, onset, null"
PROVENANCE = "payload, content_hash, first_seen_at, changed_at, synced_at, deleted_at"
HEAD = "user_id, day, start_time, end_time, timezone_offset, score_state, created_at, updated_at"
DAY = "date '2021-01-01' + n"
RECORDS = {
    "cycles": f"""
insert into cycles (id, {HEAD}, strain, kilojoule, average_heart_rate, max_heart_rate, {PROVENANCE})
select key, user_id, {DAY}, onset, onset + interval '1 day', '+00:00', 'SCORED', onset, onset,
    4 + 14 * a, 6000 + 9000 * a, 60 + 20 * b, 120 + 60 * c, {COMMON} {EVERY_DAY}""",
    "sleeps": f"""
insert into sleeps (id, cycle_id, nap, {HEAD}, total_in_bed_time_milli, total_awake_time_milli,
    total_no_data_time_milli, total_light_sleep_time_milli, total_slow_wave_sleep_time_milli,
    total_rem_sleep_time_milli, sleep_cycle_count, disturbance_count, baseline_milli,
     need_from_sleep_debt_milli,
    need_from_recent_strain_milli, need_from_recent_nap_milli, respiratory_rate, sleep_performance_percentage,
    sleep_consistency_percentage, sleep_efficiency_percentage, {PROVENANCE})
select 'sleep-' || key, key, false, user_id, {DAY}, onset, onset + (6 + 2 * a) * interval '1 hour', '+00:00',
 'SCORED',
    onset, onset, 28000000, 2000000 * b, 0, 12000000 + 4000000 * a, 5000000, 6000000, 4, 10 * b, 27000000,
    1000000 * c, 600000, 0, 14.5 + b, 70 + 30 * c, 60 + 30 * b, 85 + 10 * c, {COMMON} {EVERY_DAY}""",
    "recoveries": f"""
insert into recoveries (sleep_id, cycle_id, {HEAD}, user_calibrating, recovery_score, resting_heart_rate,
    hrv_rmssd_milli, spo2_percentage, skin_temp_celsius, {PROVENANCE})
select 'sleep-' || key, key, user_id, {DAY}, onset, onset + interval '8 hours', '+00:00', 'SCORED', onset,
 onset,
    false, round((99 * a)::numeric), 48 + round((8 * b)::numeric), 40 + 50 * c, 95 + 3 * a, 33 + b,
    {COMMON} {EVERY_DAY}""",
    "workouts": f"""
insert into workouts (id, {HEAD}, sport_id, sport_name, strain, average_heart_rate, max_heart_rate, kilojoule,
    percent_recorded, distance_meter, zone_zero_milli, zone_one_milli, zone_two_milli, zone_three_milli,
    zone_four_milli, zone_five_milli, {PROVENANCE})
select 'workout-' || key, user_id, {DAY}, onset + interval '18 hours', onset + interval '19 hours', '+00:00',
    'SCORED', onset, onset, 0, 'running', 5 + 10 * a, 130, 170, 2500, 1, 8000, 100000, 500000, 900000,
     1200000,
    700000, 100000, {COMMON} {EVERY_DAY} where a < 0.7""",
}


class Cohort:
    """A database of a given size; its members are numbered from 1."""

    def __init__(self, url: str, members: int, days: int) -> None:
        self.database = Database(url)
        self.members = list(range(1, members + 1))
        self.days, self.last = days, FIRST + timedelta(days=days - 1)

    def pieces(self) -> list[tuple[list[int], date, date]]:
        """The pieces (members, first day, last day) that the rebuilds hold in memory at once."""
        found = []
        for place in range(0, len(self.members), rebuild.MAX_BATCH_MEMBERS):
            start = FIRST
            while start <= self.last:
                end = min(self.last, start + timedelta(days=rebuild.MAX_BATCH_DAYS - 1))
                found.append((self.members[place : place + rebuild.MAX_BATCH_MEMBERS], start, end))
                start = end + timedelta(days=1)
        return found


def fill(cohort: Cohort) -> None:
    """Generate the records."""
    prepare(cohort.database)
    with cohort.database.write() as connection:
        connection.execute(text("select setseed(0.5)"))
        for statement in RECORDS.values():
            connection.execute(text(statement), {"members": len(cohort.members), "days": cohort.days})
    with cohort.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))


def select_records(cohort: Cohort) -> int:
    """The bare SELECT for summaries."""
    rows = 0
    with cohort.database.read() as connection:
        for some, first, last in cohort.pieces():
            for table in RECORD_TABLES.values():
                columns = [
                    column
                    for column in table.c
                    if column.name not in ("payload", "content_hash", "first_seen_at", "deleted_at")
                ]
                where = table.c.user_id.in_(some), table.c.day.between(first, last)
                rows += len(pd.read_sql_query(select(*columns).where(*where), connection))
    return rows


def select_daily(cohort: Cohort, columns: dict[str, object] = dict(DAILY_READ)) -> int:  # noqa: B006
    """The bare SELECT for trends, including the days before each piece."""
    rows = 0
    c = daily_summary.c
    with cohort.database.read() as connection:
        for some, first, last in cohort.pieces():
            since = first - timedelta(days=BACK_DAYS)
            query = select(*(c[name] for name in columns)).where(
                c.user_id.in_(some), c.day.between(since, last)
            )
            rows += len(pd.read_sql_query(query, connection))
    return rows


def select_weeks(cohort: Cohort) -> int:
    """The bare SELECT for weeks."""
    return select_daily(cohort, dict(DAILY_READ_BY_WEEKS))


def rebuild_summaries(cohort: Cohort) -> int:
    return rebuild.rebuild_days(cohort.database, cohort.members, FIRST, cohort.last)


def rebuild_trends(cohort: Cohort) -> int:
    return rebuild.rebuild_trends(cohort.database, cohort.members, FIRST, cohort.last)


def rebuild_weeks(cohort: Cohort) -> int:
    return rebuild.rebuild_weeks(
        cohort.database, cohort.members, store.monday(FIRST), store.monday(cohort.last)
    )


def change_days(cohort: Cohort) -> int:
    """Change the length of one night: rebuild its summary and the affected trends. Median of 20 nights."""
    seconds, rows = [], []
    day = FIRST + timedelta(days=cohort.days // 2)
    for user_id in cohort.members[:CHANGED_DAYS]:
        with cohort.database.write([user_id]) as connection:
            here = sleeps.c.user_id == user_id, sleeps.c.day == day
            longer = sleeps.c.total_light_sleep_time_milli + 600_000
            connection.execute(update(sleeps).where(*here).values(total_light_sleep_time_milli=longer))
            STALE_DAYS.mark(connection, user_id, [day], cohort.database.now(connection))
        began = time.perf_counter()
        rebuild.rebuild_days(cohort.database, [user_id], day, day)
        with cohort.database.read() as connection:
            behind = STALE_TRENDS.generations(connection, [user_id], FIRST, cohort.last)
        rows.append(rebuild.rebuild_stale_trends(cohort.database, behind))
        seconds.append(time.perf_counter() - began)
    print(
        f"    a changed day: {statistics.median(seconds) * 1000:.0f} ms, at most {max(seconds) * 1000:.0f} ms"
    )
    return round(statistics.median(rows))


def counts(cohort: Cohort) -> int:
    """Number of final rows, one for every day and week."""
    with cohort.database.read() as connection:
        found = {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in (daily_summary, trends_table, weekly_summary)
        }
        assert store.latest_day(connection, cohort.members[:1]) == cohort.last
    print(f"    rows: {found}")
    return len(cohort.members) * cohort.days


PHASES: dict[str, Callable[[Cohort], int]] = {
    "fill": fill,  # type: ignore[dict-item]
    "select records": select_records,
    "rebuild summaries": rebuild_summaries,
    "rebuild summaries again": rebuild_summaries,
    "select daily rows": select_daily,
    "rebuild trends": rebuild_trends,
    "rebuild trends again": rebuild_trends,
    "select for weeks": select_weeks,
    "rebuild weeks": rebuild_weeks,
    "change a day": change_days,
    "count": counts,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.summaries.scale_summaries",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--days", type=int, default=1825)
    parser.add_argument("--once", action="store_true", help="leave out the rebuilds that change nothing")
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.phase:
        carry_out(chosen.phase, Cohort(chosen.database, chosen.members, chosen.days))
        return
    print(f"{chosen.members} members, {chosen.days} days: {chosen.members * chosen.days} member-days")
    seconds: dict[str, float] = {}
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create("scale")
        for phase in [name for name in PHASES if not (chosen.once and name.endswith("again"))]:
            report = Path(folder) / "seconds"
            command = [sys.executable, "-m", "benchmarks.summaries.scale_summaries", "--phase", phase]
            sizes = ["--members", str(chosen.members), "--days", str(chosen.days)]
            with report.open("w") as output:
                subprocess.run([*command, *sizes, "--database", url], check=True, stdout=output)
            *lines, last = report.read_text().splitlines()
            print(*lines, sep="\n", end="\n" if lines else "")
            took, own, memory, rows = last.split()
            seconds[phase] = float(took)
            print(
                f"{phase:<26} {float(took):8.1f} s {float(own):8.1f} s CPU {int(memory) / MEGABYTE:8.0f}"
                f" MB {rows:>10} rows",
                flush=True,
            )
    print(f"summaries / select   {seconds['rebuild summaries'] / seconds['select records']:.1f}")
    print(f"trends / select      {seconds['rebuild trends'] / seconds['select daily rows']:.1f}")
    print(f"weeks / select       {seconds['rebuild weeks'] / seconds['select for weeks']:.1f}")


def carry_out(phase: str, cohort: Cohort) -> None:
    """Run a phase, and print seconds, CPU seconds, peak memory in bytes, and rows."""
    began = time.perf_counter()
    rows = PHASES[phase](cohort)
    print(f"{time.perf_counter() - began} {time.process_time()} {peak()} {rows or 0}")


if __name__ == "__main__":
    main()
