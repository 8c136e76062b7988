"""A week of a hundred members in minutes to hours: requests, staleness, queues, and memory of each
process.

    python -m benchmarks.planning.week_of_traffic [--members 100] [--days 7] [--history 30] [--edits-a-day N]
    [--database postgresql]

Uses the simulated weeks of the thirty-day drill (`whoop_assets_tests/support/simulated_weeks`) without kills:
the simulator over HTTP with WHOOP's limits and webhooks (5% never sent, 5% twice, 10% out of order), the
service, the daemon's ticks and three workers. All processes share one clock, which runs while a process works
and skips idle time. A wait in the figures is the time of these processes on this machine, plus the waits by
the clock.

Before the week come four days with only the receiver, so that webhooks prove themselves, and one day for the
waiting events and the first imports.

Staleness: for each announced change, the time from WHOOP's POST to the transaction that stored it, and to the
first check (after each run, at most ten minutes apart) without a stale day of the member. For each record of
the week, announced or not, the time from its creation to its row.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import func, select

from whoop_assets.db.database import Database
from whoop_assets.records.tables import RECORD_TABLES, stale_days
from whoop_assets.request_budget import wait_queue
from whoop_assets.request_budget.tables import request_grants
from whoop_assets.schema import prepare
from whoop_assets.webhooks.inbox import OPEN
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets_tests.support.deployments.simulator_process import table
from whoop_assets_tests.support.home import KEY, moment
from whoop_assets_tests.support.servers.postgres import running_server
from whoop_assets_tests.support.simulated_weeks.child_processes import Process, RunInFlight
from whoop_assets_tests.support.simulated_weeks.scenario import Scenario
from whoop_assets_tests.support.simulated_weeks.simulation import Simulation

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
LOOK_EVERY = 10 * MINUTE
WARMING_UP = DAY
SAME_TRANSACTION = 5 * SECOND
"""A day that becomes stale this soon after an event may have become so by the same load."""


@dataclass(frozen=True)
class Announced:
    """A change that WHOOP announced: times of its POST and of its storage."""

    user_id: int
    received_at: datetime
    closed_at: datetime


@dataclass
class Seen:
    """The measurements so far."""

    queues: dict[str, list[int]] = field(default_factory=dict)
    to_row: list[timedelta] = field(default_factory=list)
    to_summary: list[timedelta] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=dict)
    """Megabytes of each process, at the start of each day of the week and at its end."""


class Week(Simulation):
    """A watched simulation.

    Its `counts` include the time before the week, so the week's counts are differences.
    """

    def __init__(self, scenario: Scenario, database_url: str, token_key: str, folder: Path) -> None:
        super().__init__(scenario, database_url, token_key, folder)
        self.seen = Seen()
        self.began = scenario.start + WARMING_UP
        self._looked_until = self.began
        self._behind: list[Announced] = []
        self._watches = False

    def watch(self) -> None:
        """Start the measurement."""
        self._watches = True
        self.requests_before = Counter(self.counts.requests)
        self.runs_before = Counter(self.counts.runs)
        self.ticks_before = self.counts.ticks
        for number in range(int((self.end - self.began) / LOOK_EVERY)):
            self.at(self.began + number * LOOK_EVERY, self.look_at_queues)

    def run_ended(self, run_id: str, run: RunInFlight) -> None:
        super().run_ended(run_id, run)
        if self._watches:
            self.look_at_staleness()

    def look_at_queues(self) -> None:
        now = self.page.now()
        with self.database.read() as connection:
            opened = select(func.count()).where(webhook_events.c.state == OPEN)
            found = {
                "open events": connection.scalar(opened) or 0,
                "runs waiting": len(self.waiting),
                "requests waiting": len(wait_queue.waiting(connection, now)),
                "days behind": connection.scalar(select(func.count()).select_from(stale_days)) or 0,
            }
        for name, length in found.items():
            self.seen.queues.setdefault(name, []).append(length)
        self.look_at_staleness()

    def look_at_staleness(self) -> None:
        """Record which announced changes were stored since the last check, and whose summaries are up to
        date.
        """
        c, s = webhook_events.c, stale_days.c
        with self.database.read() as connection:
            now = self.page.now()
            closed = select(c.user_id, c.received_at, c.closed_at).where(
                c.closed_at > self._looked_until, c.received_at.between(self.began, self.end)
            )
            fresh = [Announced(*row) for row in connection.execute(closed)]
            behind = [(user_id, at) for user_id, at in connection.execute(select(s.user_id, s.changed_at))]
        if fresh:
            self._looked_until = max(one.closed_at for one in fresh)
        self.seen.to_row += [one.closed_at - one.received_at for one in fresh]
        waiting = []
        for one in self._behind + fresh:
            until = one.closed_at + SAME_TRANSACTION
            if any(user_id == one.user_id and changed_at <= until for user_id, changed_at in behind):
                waiting.append(one)
            else:
                self.seen.to_summary.append(now - one.received_at)
        self._behind = waiting

    def look_at_memory(self) -> None:
        """Record the memory of each process."""
        workers = sorted(
            [*self.workers, *(one.process for one in self.runs_in_flight.values())], key=lambda one: one.slot
        )
        processes: dict[str, Process | None] = {
            "receiver": self.receiver,
            "daemon": self.daemon,
            **{f"worker {number}": one for number, one in enumerate(workers, 1)},
            "simulator": self.whoop,
        }
        for name, process in processes.items():
            if process is not None:
                self.seen.memory.setdefault(name, []).append(resident(process.pid))

    def still_open(self) -> list[timedelta]:
        """The ages of the week's events that are still open."""
        c = webhook_events.c
        with self.database.read() as connection:
            query = select(c.received_at).where(c.state == OPEN, c.received_at >= self.began)
            return [self.page.now() - at for at in connection.scalars(query)]

    def ages(self) -> dict[str, tuple[list[tuple[timedelta, int]], list[tuple[timedelta, int]]]]:
        """Per stream, the records that WHOOP created in the week.

        Returns:
            Stored records as (time from creation to row, member), and missing ones as (age, member).
        """
        now = self.page.now()
        stored = {stream: self._first_seen(stream) for stream in RECORD_TABLES}
        found: dict[str, tuple[list[tuple[timedelta, int]], list[tuple[timedelta, int]]]] = {
            stream: ([], []) for stream in RECORD_TABLES
        }
        for user_id in self.members:
            truth = self.control.get(f"truth/{user_id}")
            for stream in RECORD_TABLES:
                here, lacking = found[stream]
                for record in truth[stream]:
                    made = moment(record["created_at"])
                    if not self.began <= made < now:
                        continue
                    seen = stored[stream].get(str(record[KEY[stream]]))
                    if seen is None:
                        lacking.append((now - made, user_id))
                    else:
                        here.append((seen - made, user_id))
        return found

    def _first_seen(self, stream: str) -> dict[str, datetime]:
        c = RECORD_TABLES[stream].c
        with self.database.read() as connection:
            rows = connection.execute(select(c[KEY[stream]], c.first_seen_at).where(c.deleted_at.is_(None)))
            return {str(key): seen for key, seen in rows}

    def grants_of_the_last_day(self) -> int:
        with self.database.read() as connection:
            query = select(func.count()).where(request_grants.c.granted_at > self.page.now() - DAY)
            return connection.scalar(query) or 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--history", type=int, default=30, help="Days of history of each member.")
    parser.add_argument(
        "--edits-a-day", type=float, help="Of all members together; default: a tenth of them."
    )
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    chosen = parser.parse_args()
    # SIGTERM also ends the child processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))
    scenario = Scenario(
        members=chosen.members,
        history=chosen.history * DAY,
        prelude=4 * DAY,
        life=WARMING_UP + chosen.days * DAY,
        settling=timedelta(0),
        settled_within=timedelta(0),
        kills=0,
        edits_a_day=chosen.members / 10 if chosen.edits_a_day is None else chosen.edits_a_day,
        start=datetime(2026, 10, 5, tzinfo=UTC),
    )
    with tempfile.TemporaryDirectory() as folder, a_database(chosen.database, Path(folder)) as url:
        opened = Database(url)
        prepare(opened)
        opened.close()
        began = time.monotonic()
        key = Fernet.generate_key().decode() if chosen.database == "postgresql" else ""
        with Week(scenario, url, key, Path(folder)) as week:
            print(f"-- {chosen.members} members, connected and announced for four days", flush=True)
            live_through(week, chosen.days)
            tell(week, chosen.days)
        print(f"{time.monotonic() - began:.0f} s")


def live_through(week: Week, days: int) -> None:
    before = time.monotonic()
    week.run_until(week.began)
    first_day = sum(week.counts.requests.values())
    print(
        f"-- a day for waiting events and first imports: {first_day} requests,"
        f" {time.monotonic() - before:.0f} s",
        flush=True,
    )
    week.watch()
    for day in range(days):
        week.look_at_memory()
        week.run_until(week.began + (day + 1) * DAY)
        if day + 1 < days:
            print(f"\n== After {day + 1} of {days} days, {time.monotonic() - before:.0f} s", flush=True)
            tell(week, day + 1)
    week.look_at_staleness()
    week.look_at_memory()


def tell(week: Week, days: int) -> None:
    """The counts of the week."""
    seen, counts = week.seen, week.counts
    asked = Counter(counts.requests)
    asked.subtract(week.requests_before)
    ran = Counter(counts.runs)
    ran.subtract(week.runs_before)
    per = len(week.members) * days
    whoop = week.control.get("stats")
    print("\n-- Requests")
    rows: list[dict[str, object]] = [
        {
            "requests_per_member_and_day": round(sum(asked.values()) / per, 1),
            "requests_per_day": round(sum(asked.values()) / days),
            "on_the_last_day": week.grants_of_the_last_day(),
            "by": {name: round(count / per, 2) for name, count in asked.most_common() if count},
            "runs_per_day": round(sum(ran.values()) / days),
            "ticks_per_day": round((counts.ticks - week.ticks_before) / days),
            "worst_minute_at_whoop": whoop["worst_minute"],
            "refused_by_whoop": whoop["limited"],
            "token_exchanges_in_all": counts.exchanges,
            "failures_recorded": sum(counts.failures.values()),
        }
    ]
    print(table(rows))
    print("\n-- Queues, looked at every ten simulated minutes")
    print(
        table(
            [
                {
                    "queue": name,
                    "median": statistics.median(lengths),
                    "p99": sorted(lengths)[int(0.99 * (len(lengths) - 1))],
                    "longest": max(lengths),
                    "at_the_start": lengths[0],
                    "at_the_end": lengths[-1],
                }
                for name, lengths in seen.queues.items()
            ]
        )
    )
    print("\n-- Staleness of announced changes: from WHOOP's POST")
    lasting = week.still_open()
    print(table([spread("to its row", seen.to_row), spread("to its daily summary", seen.to_summary)]))
    print(f"still open at the end: {len(lasting)}{f', the oldest for {max(lasting)}' if lasting else ''}")
    print("\n-- Staleness of all records: from WHOOP's creation of a record, announced or not, to its row")
    worst: dict[int, timedelta] = {}
    rows = []
    for stream, (here, lacking) in week.ages().items():
        rows.append(
            spread(stream, (age for age, _ in here))
            | {"not_here": len(lacking)}
            | ({"the_oldest_of_these_s": seconds(max(lacking)[0])} if lacking else {})
        )
        for age, user_id in [*here, *lacking]:
            worst[user_id] = max(age, worst.get(user_id, timedelta(0)))
    print(table(rows))
    of_members = sorted(worst.values())
    if of_members:
        print(
            f"furthest behind: the median member {of_members[len(of_members) // 2] / MINUTE:.0f} minutes"
            f" at worst,"
            f" the worst {of_members[-1] / MINUTE:.0f}"
        )
    print("\n-- Memory: megabytes resident, at the start of each day and at the end of the last")
    print(table([{"process": name, "MB": sizes} for name, sizes in seen.memory.items()]), flush=True)


def spread(what: str, times: Iterable[timedelta]) -> dict[str, object]:
    """Median, 99th percentile and maximum, in seconds."""
    ordered = sorted(times)
    if not ordered:
        return {"what": what, "count": 0}
    return {
        "what": what,
        "count": len(ordered),
        "median_s": seconds(ordered[len(ordered) // 2]),
        "p99_s": seconds(ordered[int(0.99 * (len(ordered) - 1))]),
        "longest_s": seconds(ordered[-1]),
    }


def seconds(one: timedelta) -> float:
    return round(one / SECOND, 1)


def resident(pid: int) -> int:
    """Resident memory of the process in megabytes (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


@contextmanager
def a_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'week.db'}"
        return
    with running_server() as server:
        yield server.create("week")


if __name__ == "__main__":
    main()
