"""Cost of the checks of stored data: members and days generated into PostgreSQL, then each check alone.

The server is the tests' server with 32 MB of shared buffers, so a production server is not slower. Records
have WHOOP's size.
"""

import time
from collections.abc import Callable

from sqlalchemy import Connection, text

from benchmarks.options import options
from benchmarks.peak import peak
from whoop_assets.db.database import Database
from whoop_assets.quality import consistency
from whoop_assets.schema import prepare
from whoop_assets_tests.support.servers.postgres import running_server

LOOKS: tuple[Callable[[Connection], consistency.Findings], ...] = (
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
DAYS_A_SPAN = 30

_MEMBERS = """
insert into members (user_id, status, scopes, connected_at)
select m, 'connected', 'offline read:cycles read:sleep read:recovery read:workout', now()
 from generate_series(1, :members) m
"""
# A night starts at 22:00 UTC of the previous evening; the cycle lasts until the next night.
_DAYS = """
from generate_series(1, :members) m, generate_series(0, :days - 1) d,
lateral (select date '2026-11-21' - :days + d + 1 as day) on_day,
lateral (select (day - 1 + time '22:00') at time zone 'UTC' as night) at_night
"""
_SHARED = """user_id, day, start_time, end_time, timezone_offset, score_state, created_at, updated_at,
 payload, content_hash, first_seen_at, changed_at, synced_at"""
_PAYLOAD = """json_build_object('padding', repeat('x', :width)), md5(m || ':' || d) || md5(d || ''),
 now(), now(), now()"""
_RECORDS = {
    "cycles": f"""
insert into cycles (id, strain, kilojoule, average_heart_rate, max_heart_rate, {_SHARED})
select m * 100000 + d, 10 + d % 8, 9000, 65, 160, m, day, night,
 case when d < :days - 1 then night + interval '1 day' end,
 '+00:00', 'SCORED', night, night, {_PAYLOAD} {_DAYS}
""",
    "sleeps": f"""
insert into sleeps (id, cycle_id, nap, total_in_bed_time_milli, total_awake_time_milli,
 total_no_data_time_milli,
 total_light_sleep_time_milli, total_slow_wave_sleep_time_milli, total_rem_sleep_time_milli,
  sleep_cycle_count,
 disturbance_count, baseline_milli, need_from_sleep_debt_milli, need_from_recent_strain_milli,
  need_from_recent_nap_milli,
 respiratory_rate, sleep_performance_percentage, sleep_consistency_percentage, sleep_efficiency_percentage,
  {_SHARED})
select 'sleep-' || m || '-' || d, m * 100000 + d, false, 28800000, 1800000, 0, 14400000, 5400000, 7200000, 4,
 7, 27000000,
 600000, 300000, 0, 15.5, 92, 75, 93.75, m, day, night, night + interval '8 hours', '+00:00', 'SCORED',
  night, night,
 {_PAYLOAD} {_DAYS}
""",
    "recoveries": f"""
insert into recoveries (sleep_id, cycle_id, user_calibrating, recovery_score, resting_heart_rate,
 hrv_rmssd_milli,
 spo2_percentage, skin_temp_celsius, {_SHARED})
select 'sleep-' || m || '-' || d, m * 100000 + d, false, 40 + d % 50, 52, 80.5, 96, 33.5, m, day, night,
 night + interval '8 hours', '+00:00', 'SCORED', night, night, {_PAYLOAD} {_DAYS}
""",
    "workouts": f"""
insert into workouts (id, sport_name, strain, average_heart_rate, max_heart_rate, kilojoule,
 percent_recorded, {_SHARED})
select 'workout-' || m || '-' || d, 'running', 8.5, 130, 170, 1500, 0.99, m, day, night + interval '19 hours',
 night + interval '20 hours', '+00:00', 'SCORED', night, night, {_PAYLOAD} {_DAYS}
""",
}
_SUMMARIES = f"""
insert into daily_summary (user_id, day, cycle_id, is_partial, cycle_count, strain, recovery_score, built_at)
select m, day, m * 100000 + d, false, 1, 10, 60, now() {_DAYS}
"""
_COVERAGE = """
insert into coverage (user_id, stream, start_time, end_time, read_at, records, counted_at)
select user_id, :stream, min(start_time), max(start_time) + interval '1 ms', now(), count(*),
 now() + interval '1 minute'
from {table} group by user_id, (day - date '2000-01-01') / :span
"""


def fill(database: Database, members: int, days: int) -> None:
    """Generate a cycle, sleep, recovery and workout for each member and day."""
    with database.write() as connection:
        connection.execute(text(_MEMBERS), {"members": members})
    for table, statement in _RECORDS.items():
        with database.write() as connection:
            connection.execute(text(statement), {"members": members, "days": days, "width": 600})
            connection.execute(text(_COVERAGE.format(table=table)), {"stream": table, "span": DAYS_A_SPAN})
    with database.write() as connection:
        connection.execute(text(_SUMMARIES), {"members": members, "days": days})
        connection.execute(text("analyze"))


def main() -> None:
    chosen = options(__doc__, members=500, days=1825)
    with running_server() as server:
        database = Database(server.create("consistency"))
        prepare(database)
        begun = time.perf_counter()
        fill(database, chosen.members, chosen.days)
        print(
            f"{chosen.members} members, {chosen.days} days: filled in {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
        whole = time.perf_counter()
        for look in LOOKS:
            begun = time.perf_counter()
            with database.read() as connection:
                found = look(connection)
            print(
                f"{look.__name__:<26} {time.perf_counter() - begun:6.1f} s  found {found.count:>4}  peak"
                f" {peak() / 2**20:.0f} MB",
                flush=True,
            )
        print(f"{'together':<26} {time.perf_counter() - whole:6.1f} s")
        database.close()


if __name__ == "__main__":
    main()
