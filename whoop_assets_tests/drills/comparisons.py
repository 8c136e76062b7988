"""Comparisons after a simulation: the tables with WHOOP's data and with a fresh load, and the ledgers."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from whoop_assets.db.database import Database
from whoop_assets.schema import metadata
from whoop_assets.summaries.rebuild import rebuild_days, rebuild_trends, rebuild_weeks
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.members.connecting import connect_member
from whoop_assets.sync.parsing import canonical
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets_tests.summaries.daily.naive_daily import naive_daily_rows, naive_unknown
from whoop_assets_tests.support.home import FOLLOWS_OURS, KEY, OURS, RECORDS, moment
from whoop_assets_tests.support.simulated_weeks.member_edits import Change
from whoop_assets_tests.support.simulated_weeks.shared_clock import SharedClock
from whoop_assets_tests.support.simulated_weeks.simulation import Simulation
from whoop_assets_tests.support.simulated_weeks.work import DRIVER
from whoop_simulator.running import Control
from whoop_simulator.world.world import World

ACTIVITIES = ("sleeps", "workouts")
OPEN_CYCLE_COLUMNS = ("strain", "kilojoule", "average_heart_rate", "max_heart_rate", "step_count")
"""Columns of an open cycle's score, which changes without webhooks."""

UNREAD_OR_ZERO = ("nap_count", "nap_minutes", "workout_count", "workout_minutes")
"""Columns that are 0 in the fresh load, but may be NULL in the simulation if the day's end was not read."""

Difference = tuple[Any, ...]


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    """Returns all rows of a table, with parsed payloads."""
    with database.read() as connection:
        found = [dict(row) for row in connection.execute(select(metadata.tables[table])).mappings()]
    for row in found:
        if "payload" in row:
            row["payload"] = json.loads(row["payload"])
    return found


def differences_from_whoop(simulation: Simulation) -> list[Difference]:
    """Find records that differ from WHOOP's, are missing, or exist only here.

    Two differences are allowed, because WHOOP announces neither: the offset of sleeps and workouts, which is
    always the member's current one, and the growing score of an open cycle.
    """
    found: list[Difference] = []
    truths = {user_id: simulation.control.get(f"truth/{user_id}") for user_id in simulation.members}
    for stream in RECORDS:
        stored = {str(row[KEY[stream]]): row for row in rows(simulation.database, stream)}
        expected = {str(record[KEY[stream]]): record for truth in truths.values() for record in truth[stream]}
        for key, record in expected.items():
            row = stored.get(key)
            if row is None or row["deleted_at"] is not None:
                found.append((stream, key, "missing here", record["user_id"], record["updated_at"]))
            elif comparable(stream, row["payload"]) != comparable(stream, record):
                found.append((stream, key, "differs", record["user_id"], record["updated_at"]))
        for key, row in stored.items():
            if key not in expected and row["deleted_at"] is None:
                found.append((stream, key, "only here", row["user_id"], str(row["day"])))
    return found + _snapshots(simulation)


def _snapshots(simulation: Simulation) -> list[Difference]:
    found: list[Difference] = []
    newest: dict[tuple[str, int], dict[str, Any]] = {}
    for table in ("profiles", "body_measurements"):
        for row in sorted(rows(simulation.database, table), key=lambda row: row["day"]):
            newest[table, row["user_id"]] = row
    for member in simulation.control.get("members"):
        for table, name in (("profiles", "profile"), ("body_measurements", "body_measurement")):
            stored = newest.get((table, member["user_id"]))
            if stored is None or stored["payload"] != member[name]:
                found.append((table, member["user_id"], "differs", stored and str(stored["day"])))
    return found


def comparable(stream: str, record: dict[str, Any]) -> dict[str, Any]:
    """Returns the record without the fields that change without webhooks."""
    ignored = {"timezone_offset"} if stream in ACTIVITIES else set()
    if stream == "cycles" and record["end"] is None:
        ignored = {"score", "updated_at", "step_count", "score_state"}
    return {name: value for name, value in record.items() if name not in ignored}


@contextmanager
def fresh_load(simulation: Simulation, database_url: str) -> Iterator[Database]:
    """Loads all of WHOOP's present data into another database."""
    control: Control = simulation.control
    control.post("limits", per_minute=1_000_000, per_day=10_000_000)
    settings = simulation.settings.replace(
        database_url=database_url,
        requests_per_minute=1_000_000,
        requests_per_day=10_000_000,
    )
    database = Database(database_url, SharedClock(simulation.page, DRIVER, drives=True))
    try:
        with WhoopSession(settings, database) as connection:
            for user_id in simulation.members:
                given = control.post("tokens/issue", user_id=user_id)
                scopes = frozenset(given["scope"].split())
                pair = TokenPair(given["access_token"], given["refresh_token"], given["expires_in"], scopes)
                connect_member(connection, pair)
            now = database.clock.now()
            first, last = settings.start_date, now.date() + timedelta(days=1)
            for stream in RECORDS:
                order = LoadRequest(stream, first, last, now.date(), now, now)
                failures = load_members(connection, order).failures
                assert failures == []
            first -= timedelta(days=3)
            rebuild_days(database, simulation.members, first, last)
            rebuild_trends(database, simulation.members, first, last)
            rebuild_weeks(database, simulation.members, first - timedelta(days=first.weekday()), last)
        yield database
    finally:
        database.close()


def differences_from_fresh_load(simulation: Simulation, fresh: Database) -> list[Difference]:
    """Find rows of records, summaries and trends that differ from a fresh load, ignoring our own
    timestamps.
    """
    found: list[Difference] = []
    ours = OURS | FOLLOWS_OURS | {"payload", "content_hash"}
    for table in (*RECORDS, "daily_summary", "trends", "weekly_summary"):
        without = ours | ({"timezone_offset"} if table in ACTIVITIES else set())
        here, there = (
            {_key(table, row): row for row in rows(database, table) if row.get("deleted_at") is None}
            for database in (simulation.database, fresh)
        )
        for key in sorted(here.keys() | there.keys(), key=str):
            left, right = here.get(key), there.get(key)
            if left is None or right is None:
                found.append((table, key, "only in the fresh load" if left is None else "only here"))
                continue
            passing: set[str] = set()
            if table == "cycles" and right["end_time"] is None:
                passing = {*OPEN_CYCLE_COLUMNS, "updated_at", "score_state"}
            if table == "daily_summary" and right["is_partial"]:
                passing = set(OPEN_CYCLE_COLUMNS)
            differing = [
                name
                for name in right
                if name not in without | passing
                and left.get(name) != right[name]
                and not (name in UNREAD_OR_ZERO and left.get(name) is None and right[name] == 0)
            ]
            if differing:
                found.append((table, key, *((name, left.get(name), right[name]) for name in differing)))
    return found


def _key(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in metadata.tables[table].primary_key.columns)


def differences_from_naive_rules(database: Database) -> list[Difference]:
    """Find summaries that differ from those that the written rules, applied day by day, give for the stored
    records.
    """
    records = {
        stream: [row for row in rows(database, stream) if row["deleted_at"] is None] for stream in RECORDS
    }
    latest: dict[int, int] = {}
    for row in sorted(records["cycles"], key=lambda row: (row["start_time"], row["id"])):
        latest[row["user_id"]] = row["id"]
    stored = {(row["user_id"], row["day"]): row for row in rows(database, "daily_summary")}
    expected = {
        (row["user_id"], row["day"]): row
        for row in naive_unknown(
            naive_daily_rows(
                records["cycles"], records["sleeps"], records["recoveries"], records["workouts"], latest
            ),
            records["cycles"],
            rows(database, "coverage"),
        )
    }
    found: list[Difference] = [
        ("daily_summary", *key, "not by the rules") for key in stored.keys() ^ expected.keys()
    ]
    for key in stored.keys() & expected.keys():
        differing = [
            (name, stored[key][name], value)
            for name, value in expected[key].items()
            if name not in FOLLOWS_OURS and not _alike(stored[key][name], value)
        ]
        if differing:
            found.append(("daily_summary", *key, "not by the rules", *differing))
    return found


def _alike(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float | int):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)


def version_problems(simulation: Simulation) -> list[Difference]:
    """Find versions with a wrong hash, duplicate versions, and contents without a version."""
    found: list[Difference] = []
    versions = rows(simulation.database, "record_versions")
    seen: Counter[tuple[str, str, str]] = Counter()
    for version in versions:
        digest = canonical(version["payload"])[1]
        seen[version["stream"], version["record_key"], digest] += 1
        if digest != version["content_hash"]:
            found.append(("record_versions", version["record_key"], "wrong hash"))
    found += [("record_versions", *key, "twice") for key, count in seen.items() if count > 1]
    for stream in RECORDS:
        for row in rows(simulation.database, stream):
            if (stream, str(row[KEY[stream]]), row["content_hash"]) not in seen:
                found.append(("record_versions", stream, row[KEY[stream]], "present content is missing"))
    return found


def announced_content_problems(simulation: Simulation) -> tuple[list[Difference], int]:
    """Finds edited contents with an event that was closed before a request returned the content.

    Re-reading would load these contents too, so only this check shows an event that a killed run closed too
    early. It covers contents that were loaded before the record changed again.

    Returns:
        The differences, and the number of contents checked.
    """
    contents: dict[tuple[str, str], list[tuple[datetime, dict[str, Any]]]] = {}
    for version in rows(simulation.database, "record_versions"):
        known = contents.setdefault((version["stream"], version["record_key"]), [])
        known.append((version["requested_at"], comparable(version["stream"], version["payload"])))
    closed: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for event in rows(simulation.database, "webhook_events"):
        if event["state"] == "done":
            closed.setdefault((event["stream"], event["record_id"]), []).append(
                (event["open_since"], event["closed_at"])
            )
    changes = _moments_of_changes(simulation)
    found: list[Difference] = []
    checked = 0
    for change in simulation.edits.changes:
        if change.content is None or change.stream == "cycles":
            continue
        key = change.stream, change.key
        later = [at for at in changes[key] if at > change.at + timedelta(milliseconds=2)]
        ends = [
            end
            for opened, end in closed.get(key, [])
            if opened >= change.at - timedelta(seconds=1) and not any(at <= end for at in later)
        ]
        if not ends:
            continue
        checked += 1
        wanted = comparable(change.stream, change.content)
        if not any(content == wanted and at <= min(ends) for at, content in contents.get(key, [])):
            found.append((*key, "closed before its content was stored", change.at.isoformat()))
    return found, checked


def _moments_of_changes(simulation: Simulation) -> dict[tuple[str, str], list[datetime]]:
    """Returns the times of each record's changes: edits, and generated changes from a copy of the world."""
    found: dict[tuple[str, str], list[datetime]] = {}
    world = World(
        **simulation.whoop_options, now=simulation.scenario.start - simulation.scenario.prelude, frozen=True
    )
    until = simulation.page.whoops_now_milli()
    for user_id in simulation.members:
        for operation in world.members[user_id].source.operations_to(until):
            at = datetime.fromtimestamp(operation.at / 1000, tz=simulation.scenario.start.tzinfo)
            found.setdefault((operation.stream, operation.key), []).append(at)
    change: Change
    for change in simulation.edits.changes:
        found.setdefault((change.stream, change.key), []).append(change.at)
    return found


def ledger_problems(simulation: Simulation) -> list[Difference]:
    """Find open events, claims, stale days, leases and quarantined records, and deliveries that are not
    stored.
    """
    found: list[Difference] = []
    now = simulation.page.now()
    stored = set()
    for event in rows(simulation.database, "webhook_events"):
        stored.add(event["trace_id"])
        if event["state"] == "open" or event["begun_by"] is not None:
            found.append(("webhook_events", event["trace_id"], event["state"], event["last_error"]))
        if event["state"] == "parked":
            found.append(("webhook_events", event["trace_id"], "parked", event["reason"]))
    # Closed events are deleted after thirty days.
    lately = now - timedelta(days=29)
    acknowledged = {trace_id for trace_id, at in simulation.counts.delivered.items() if at > lately}
    found += [
        ("webhook_events", trace_id, "acknowledged but not stored") for trace_id in acknowledged - stored
    ]
    found += [
        ("webhook_events", trace_id, "never announced") for trace_id in stored - simulation.counts.announced
    ]
    for ledger in ("stale_days", "stale_trends", "stale_weeks"):
        found += [(ledger, row["user_id"], row["day"]) for row in rows(simulation.database, ledger)]
    found += [
        ("tokens", row["user_id"], "leased")
        for row in rows(simulation.database, "tokens")
        if row["lease_until"] is not None and row["lease_until"] > now
    ]
    found += [
        ("quarantine", row["stream"])
        for row in rows(simulation.database, "quarantine")
        if not row.get("resolved_at")
    ]
    found += [
        ("request_waiters", row["used_by"])
        for row in rows(simulation.database, "request_waiters")
        if row["back_at"] > now - timedelta(minutes=1)
    ]
    found += [
        ("load_failures", row["user_id"], row["stream"]) for row in rows(simulation.database, "load_failures")
    ]
    found += [
        ("members", row["user_id"], row["status"])
        for row in rows(simulation.database, "members")
        if row["status"] != "connected"
    ]
    return found


def report(simulation: Simulation) -> str:
    """Returns the median and maximum times until events were closed and new records were stored."""
    start, end = simulation.scenario.start, simulation.end
    waits = {
        "until an event was closed": [
            row["closed_at"] - row["open_since"]
            for row in rows(simulation.database, "webhook_events")
            if row["closed_at"] is not None and start < row["open_since"] < end
        ]
    }
    for stream in RECORDS:
        waits[f"until a new record of {stream} was stored"] = [
            row["first_seen_at"] - moment(row["payload"]["created_at"])
            for row in rows(simulation.database, stream)
            if start < moment(row["payload"]["created_at"]) < end
        ]
    return "\n".join(
        f"Time {name}: median {sorted(found)[len(found) // 2]}, maximum {max(found)}, of {len(found)}"
        for name, found in waits.items()
        if found
    )
