"""Compares a member's stored records and coverage with WHOOP's data.

WHOOP's data may change during or after a read. Stored data are therefore correct if they agree with any state
of WHOOP's data since the read.
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
from whoop_assets.sync.load import cycle_span, record_span
from whoop_assets_tests.support.home import KEY, RECORDS, Home, days_of, moment

Truth = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class State:
    """WHOOP's data of one member since `at`: start and record, by stream and key."""

    at: datetime
    records: dict[str, dict[Any, tuple[datetime | None, dict[str, Any]]]]


@dataclass
class StateHistory:
    """All states of one member's data at WHOOP; `invalid` contains the keys of invalid workouts."""

    home: Home
    user_id: int
    states: list[State] = field(default_factory=list)
    invalid: set[Any] = field(default_factory=set)

    def record(self) -> None:
        """Record the present state; must be called before and after every change."""
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
        """Return the states that a response to a request at `read_at` or later can contain."""
        before = [state for state in self.states if state.at < read_at]
        return before[-1:] + [state for state in self.states if state.at >= read_at]


def rows_of_member(home: Home, table: str, user_id: int) -> list[dict[str, Any]]:
    """Return the member's rows with deleted records and parsed payloads."""
    source = metadata.tables[table]
    with home.database.read() as connection:
        query = select(source).where(source.c.user_id == user_id)
        rows = [dict(row) for row in connection.execute(query).mappings()]
    if table in RECORDS:
        for row in rows:
            row["payload"] = json.loads(row["payload"])
    return rows


def records_of(home: Home, stream: str, user_id: int) -> dict[Any, dict[str, Any]]:
    """Return the member's records by key, with deleted records."""
    return {row[KEY[stream]]: row for row in rows_of_member(home, stream, user_id)}


def coverage_errors(history: StateHistory) -> Iterator[str]:
    """Yield contradictions between the member's coverage and WHOOP's data."""
    home, user_id = history.home, history.user_id
    quarantined = {row["record_key"] for row in rows_of_member(home, "quarantine", user_id)}
    covered = rows_of_member(home, "coverage", user_id)
    for stream in RECORDS:
        stored = records_of(home, stream, user_id)
        for key, row in stored.items():
            if row["deleted_at"] is not None and all(
                key in state.records[stream] for state in history.states_since(row["deleted_at"])
            ):
                yield f"{stream} {key} exists and is marked as deleted"
        for entry in covered:
            if entry["stream"] != stream:
                continue
            start_time, end_time = entry["start_time"], entry["end_time"]
            states = [state.records[stream] for state in history.states_since(entry["read_at"])]
            span = f"{stream} {start_time:%m-%d %H:%M}..{end_time:%m-%d %H:%M}"
            for key, (start, _) in states[0].items():
                if start is None or not start_time <= start < end_time:
                    continue
                if any(key not in state or state[key][0] != start for state in states):
                    continue
                stored_row = stored.get(key)
                if key in history.invalid:
                    always_invalid = all(state[key][1].get("sport_name") is None for state in states)
                    if always_invalid and str(key) not in quarantined:
                        yield f"{span}: {key} is invalid and not in quarantine"
                elif stored_row is None or stored_row["deleted_at"] is not None:
                    yield f"{span}: {key} of {start:%m-%d %H:%M} is missing"
            for key, row in stored.items():
                if (
                    row["deleted_at"] is not None
                    or key in history.invalid
                    or row["start_time"] is None
                    or not start_time <= row["start_time"] < end_time
                ):
                    continue
                versions = [state[key][1] for state in states if key in state]
                if not versions:
                    yield f"{span}: {key} is stored but does not exist"
                elif row["payload"] not in versions:
                    yield f"{span}: {key} is stored with an outdated content"


def transaction_errors(home: Home, user_id: int) -> Iterator[str]:
    """Yield records without the version or stale day that their transaction must write."""
    versions = {
        (row["stream"], row["record_key"], row["content_hash"])
        for row in rows_of_member(home, "record_versions", user_id)
    }
    stale = {row["day"] for row in rows_of_member(home, "stale_days", user_id)}
    for stream in RECORDS:
        for key, row in records_of(home, stream, user_id).items():
            if (stream, str(key), row["content_hash"]) not in versions:
                yield f"{stream} {key} has no version"
            if row["day"] not in stale:
                yield f"{stream} {key} was stored, but {row['day']} is not stale"


def differences(history: StateHistory, first: date, last: date, until: datetime) -> Iterator[str]:
    """Yield differences between stored data and WHOOP's data after a load without faults."""
    home, user_id = history.home, history.user_id
    truth = home.world.truth(user_id)
    true_days = days_of(truth)
    for stream in RECORDS:
        stored = {k: row for k, row in records_of(home, stream, user_id).items() if row["deleted_at"] is None}
        records = {record[KEY[stream]]: record for record in truth[stream]}
        for key, day in true_days[stream].items():
            if day is None or not first <= day <= last or key in history.invalid:
                continue
            row = stored.get(key)
            if row is None:
                yield f"{stream} {key} of {day} is missing"
            elif row["payload"] != records[key]:
                yield f"{stream} {key} of {day} differs from WHOOP's"
            elif row["day"] != day:
                yield f"{stream} {key} of {day} is stored on {row['day']}"
        for key, row in stored.items():
            if first <= row["day"] <= last and key not in records:
                yield f"{stream} {key} of {row['day']} does not exist"
    for stream in RECORDS:
        yield from coverage_gaps(home, user_id, stream, first, last, until)
    with home.database.read() as connection:
        failures = [f for f in load_failures.open_failures(connection) if f.user_id == user_id]
    if failures:
        yield f"failures are still open: {failures}"


def coverage_gaps(
    home: Home, user_id: int, stream: str, first: date, last: date, until: datetime
) -> Iterator[str]:
    """Yield parts of the days without coverage since `until`, the start of a successful load."""
    with home.database.read() as connection:
        days = day_assignment.calendar(connection, user_id)
        span = cycle_span if stream == "cycles" else partial(record_span, days)
        for gap in coverage.unread(connection, user_id, stream, span(first, last, until), since=until):
            yield f"{stream}: {gap} is not covered"
