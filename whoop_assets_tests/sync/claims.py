"""Compares the claims of a database about a member's records with WHOOP's data; coverage is a claim.

A claim was made at a time, and WHOOP's data may have changed since, or while it was being read: a claim is
true if it agrees with what WHOOP had at any moment from then on. Without changes that leaves one state, and
equality.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import select

from whoop_assets.records import coverage, day_assignment, load_failures
from whoop_assets.schema import metadata
from whoop_assets.sync.time_windows import cycle_span, record_span
from whoop_assets_tests.support.home import KEY, RECORDS, Home, days_of, moment

Truth = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class State:
    """WHOOP's data of one member from `at` on: stream -> key -> (start, record)."""

    at: datetime
    records: dict[str, dict[Any, tuple[datetime | None, dict[str, Any]]]]


@dataclass
class Witness:
    """Every state of one member's data at WHOOP; `invalid` are keys of workouts without a sport."""

    home: Home
    user_id: int
    states: list[State] = field(default_factory=list)
    invalid: set[Any] = field(default_factory=set)

    def look(self) -> None:
        """Remember what WHOOP has now; to be called before and after every change."""
        truth = self.home.world.truth(self.user_id)
        starts = {sleep["id"]: moment(sleep["start"]) for sleep in truth["sleeps"]}
        cycles = {cycle["id"]: moment(cycle["start"]) for cycle in truth["cycles"]}

        def start(stream: str, record: dict[str, Any]) -> datetime | None:
            if stream != "recoveries":
                return moment(record["start"])
            return starts.get(record["sleep_id"], cycles.get(record["cycle_id"]))

        records = {
            stream: {record[KEY[stream]]: (start(stream, record), record) for record in truth[stream]}
            for stream in RECORDS
        }
        self.states.append(State(self.home.clock.now(), records))

    def states_since(self, read_at: datetime) -> list[State]:
        """States that a response to a request at `read_at` or later may have shown."""
        before = [state for state in self.states if state.at < read_at]
        return before[-1:] + [state for state in self.states if state.at >= read_at]


def rows_of(home: Home, table: str, user_id: int) -> list[dict[str, Any]]:
    """The member's rows, the deleted too, their content parsed where it is needed."""
    source = metadata.tables[table]
    with home.database.read() as connection:
        found = connection.execute(select(source).where(source.c.user_id == user_id)).mappings()
        rows = [dict(row) for row in found]
    if table in RECORDS and home.database.is_sqlite:  # PostgreSQL's driver has parsed it
        for row in rows:
            row["payload"] = json.loads(row["payload"])
    return rows


def records_of(home: Home, stream: str, user_id: int) -> dict[Any, dict[str, Any]]:
    """The member's records by key, the deleted too."""
    return {row[KEY[stream]]: row for row in rows_of(home, stream, user_id)}


def untrue_claims(witness: Witness) -> Iterator[str]:
    """Everything the coverage of the member claims and that is not so."""
    home, user_id = witness.home, witness.user_id
    quarantined = {row["record_key"] for row in rows_of(home, "quarantine", user_id)}
    covered = rows_of(home, "coverage", user_id)
    for stream in RECORDS:
        stored = records_of(home, stream, user_id)
        for key, row in stored.items():
            if row["deleted_at"] is not None and all(
                key in state.records[stream] for state in witness.states_since(row["deleted_at"])
            ):
                yield f"{stream} {key} exists and is marked as deleted"
        for claim in covered:
            if claim["stream"] != stream:
                continue
            begin, end = claim["start_time"], claim["end_time"]
            states = [state.records[stream] for state in witness.states_since(claim["read_at"])]
            where = f"{stream} {begin:%m-%d %H:%M}..{end:%m-%d %H:%M}"
            for key, (start, _) in states[0].items():
                if start is None or not begin <= start < end:
                    continue
                if any(key not in state or state[key][0] != start for state in states):
                    continue
                found = stored.get(key)
                if key in witness.invalid:
                    always = all(state[key][1].get("sport_name") is None for state in states)
                    if always and str(key) not in quarantined:
                        yield f"{where}: {key} is read, not understood, and not in quarantine"
                elif found is None or found["deleted_at"] is not None:
                    yield f"{where}: {key} of {start:%m-%d %H:%M} is missing"
            for key, row in stored.items():
                if (
                    row["deleted_at"] is not None
                    or key in witness.invalid
                    or row["start_time"] is None
                    or not begin <= row["start_time"] < end
                ):
                    continue
                versions = [state[key][1] for state in states if key in state]
                if not versions:
                    yield f"{where}: {key} is stored and does not exist"
                elif row["payload"] not in versions:
                    yield f"{where}: {key} is stored with a content it no longer has"


def half_written(home: Home, user_id: int) -> Iterator[str]:
    """Records without what the same transaction should have brought: their version and their stale day."""
    versions = {
        (row["stream"], row["record_key"], row["content_hash"])
        for row in rows_of(home, "record_versions", user_id)
    }
    stale = {row["day"] for row in rows_of(home, "stale_days", user_id)}
    for stream in RECORDS:
        for key, row in records_of(home, stream, user_id).items():
            if (stream, str(key), row["content_hash"]) not in versions:
                yield f"{stream} {key} has no version"
            if row["day"] not in stale:
                yield f"{stream} {key} came and {row['day']} is not stale"


def differences(witness: Witness, first: date, last: date, until: datetime) -> Iterator[str]:
    """Differences between stored data and WHOOP's data, after a load up to `until` without faults."""
    home, user_id = witness.home, witness.user_id
    truth = home.world.truth(user_id)
    true_days = days_of(truth)
    for stream in RECORDS:
        stored = {k: row for k, row in records_of(home, stream, user_id).items() if row["deleted_at"] is None}
        records = {record[KEY[stream]]: record for record in truth[stream]}
        for key, day in true_days[stream].items():
            if day is None or not first <= day <= last or key in witness.invalid:
                continue
            row = stored.get(key)
            if row is None:
                yield f"{stream} {key} of {day} is missing"
            elif row["payload"] != records[key]:
                yield f"{stream} {key} of {day} is not what WHOOP has"
            elif row["day"] != day:
                yield f"{stream} {key} of {day} is filed under {row['day']}"
        for key, row in stored.items():
            if first <= row["day"] <= last and key not in records:
                yield f"{stream} {key} of {row['day']} does not exist"
    for stream in RECORDS:
        yield from gaps(home, user_id, stream, first, last, until)
    with home.database.read() as connection:
        failing = [f for f in load_failures.open_failures(connection) if f.user_id == user_id]
    if failing:
        yield f"failures are still open: {failing}"


def gaps(home: Home, user_id: int, stream: str, first: date, last: date, until: datetime) -> Iterator[str]:
    """Parts of the days without coverage since `until`, the start of a load that reported success."""
    with home.database.read() as connection:
        days = day_assignment.calendar(connection, user_id)
        span = cycle_span if stream == "cycles" else partial(record_span, days)
        for gap in coverage.unread(connection, user_id, stream, span(first, last, until), since=until):
            yield f"{stream}: {gap} is not covered"
