"""Tables of the WHOOP records, their versions, coverage, quarantine, load failures and stale days."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, String, Table, Text

from whoop_assets.db.columns import column, count, key, measure, metadata, milliseconds
from whoop_assets.db.types import Id, JsonText, UtcDateTime
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS, STREAMS


def _provenance() -> "list[Column[Any]]":
    """Columns that every record table and snapshot table has."""
    return [
        column("payload", JsonText(), "the record as WHOOP sent it, unknown fields included", nullable=False),
        column("content_hash", String(64), "SHA-256 of the canonical payload", nullable=False),
        column("first_seen_at", UtcDateTime(), "when it was first read", nullable=False),
        column(
            "changed_at",
            UtcDateTime(),
            "when its content, day or deletion state last changed",
            nullable=False,
        ),
        column(
            "synced_at", UtcDateTime(), "send time of the newest request that confirmed it", nullable=False
        ),
        column("deleted_at", UtcDateTime(), "when WHOOP confirmed the deletion; NULL while it exists"),
    ]


def _record(*key_and_fields: "Column[Any]", name: str, comment: str) -> Table:
    key, *fields = key_and_fields
    table = Table(
        name,
        metadata,
        key,
        column("user_id", BigInteger, "WHOOP user id", nullable=False),
        column("day", Date, "WHOOP day the record belongs to", nullable=False),
        column(
            "start_time", UtcDateTime(), "start, UTC; for a recovery that of its sleep, else of its cycle"
        ),
        column("end_time", UtcDateTime(), "end, UTC; NULL while open"),
        column(
            "timezone_offset",
            String(6),
            "offset from UTC as WHOOP sends it; for a recovery that of its cycle",
        ),
        column("score_state", String(32), "SCORED, PENDING_SCORE or UNSCORABLE", nullable=False),
        column("created_at", UtcDateTime(), "WHOOP's creation time", nullable=False),
        column("updated_at", UtcDateTime(), "WHOOP's update time", nullable=False),
        *fields,
        *_provenance(),
        comment=comment,
    )
    Index(f"ix_{name}_user_day", table.c.user_id, table.c.day)
    Index(f"ix_{name}_user_start", table.c.user_id, table.c.start_time)
    return table


cycles = _record(
    key("id", BigInteger, "WHOOP cycle id"),
    measure("strain", "day strain, 0 to 21"),
    measure("kilojoule", "energy, kilojoules"),
    count("average_heart_rate", "beats per minute"),
    count("max_heart_rate", "beats per minute"),
    count("step_count", "steps; NULL if WHOOP has no number"),
    name="cycles",
    comment="One row per physiological cycle, from one sleep onset to the next.",
)

sleeps = _record(
    key("id", String(36), "WHOOP sleep id (UUID)"),
    column("cycle_id", BigInteger, "cycle it belongs to", nullable=False),
    column("nap", Boolean, "true for a nap", nullable=False),
    milliseconds("total_in_bed_time_milli", "time in bed"),
    milliseconds("total_awake_time_milli", "time awake in bed"),
    milliseconds("total_no_data_time_milli", "time without data"),
    milliseconds("total_light_sleep_time_milli", "light sleep"),
    milliseconds("total_slow_wave_sleep_time_milli", "slow wave (deep) sleep"),
    milliseconds("total_rem_sleep_time_milli", "REM sleep"),
    count("sleep_cycle_count", "sleep cycles"),
    count("disturbance_count", "disturbances"),
    milliseconds("baseline_milli", "sleep need: baseline"),
    milliseconds("need_from_sleep_debt_milli", "sleep need from sleep debt"),
    milliseconds("need_from_recent_strain_milli", "sleep need from recent strain"),
    milliseconds("need_from_recent_nap_milli", "sleep need taken off by recent naps, zero or negative"),
    measure("respiratory_rate", "breaths per minute"),
    measure("sleep_performance_percentage", "percent, 0 to 100"),
    measure("sleep_consistency_percentage", "percent, 0 to 100"),
    measure("sleep_efficiency_percentage", "percent, 0 to 100"),
    name="sleeps",
    comment="One row per sleep or nap.",
)

Index("ix_sleeps_user_cycle", sleeps.c.user_id, sleeps.c.cycle_id)

recoveries = _record(
    key("sleep_id", String(36), "sleep it was computed from (UUID); naps can have their own recovery"),
    column("cycle_id", BigInteger, "cycle it belongs to", nullable=False),
    column("user_calibrating", Boolean, "true while WHOOP still learns the member's baseline"),
    measure("recovery_score", "percent, 0 to 100"),
    measure("resting_heart_rate", "beats per minute"),
    measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
    measure("spo2_percentage", "blood oxygen, percent"),
    measure("skin_temp_celsius", "skin temperature, degrees Celsius"),
    name="recoveries",
    comment="One row per recovery.",
)

Index("ix_recoveries_user_cycle", recoveries.c.user_id, recoveries.c.cycle_id)

workouts = _record(
    key("id", String(36), "WHOOP workout id (UUID)"),
    count("sport_id", "WHOOP sport id"),
    column("sport_name", String(128), "WHOOP sport slug", nullable=False),
    measure("strain", "workout strain, 0 to 21"),
    count("average_heart_rate", "beats per minute"),
    count("max_heart_rate", "beats per minute"),
    measure("kilojoule", "energy, kilojoules"),
    measure("percent_recorded", "share of the workout with heart rate data, a fraction 0 to 1"),
    measure("distance_meter", "distance, metres"),
    measure("altitude_gain_meter", "climb, metres"),
    measure("altitude_change_meter", "net change of altitude, metres"),
    *(
        milliseconds(f"zone_{zone}_milli", f"time in heart rate zone {zone}")
        for zone in ("zero", "one", "two")
    ),
    *(
        milliseconds(f"zone_{zone}_milli", f"time in heart rate zone {zone}")
        for zone in ("three", "four", "five")
    ),
    name="workouts",
    comment="One row per workout or other activity.",
)


def _snapshot(name: str, *fields: "Column[Any]", comment: str) -> Table:
    return Table(
        name,
        metadata,
        key("user_id", BigInteger, "WHOOP user id"),
        key("day", Date, "day on which it was read"),
        *fields,
        *_provenance(),
        comment=comment,
    )


profiles = _snapshot(
    "profiles",
    column("email", Text, "e-mail address"),
    column("first_name", Text, "first name"),
    column("last_name", Text, "last name"),
    comment="Profile on each day it was read. WHOOP keeps no history.",
)

body_measurements = _snapshot(
    "body_measurements",
    measure("height_meter", "height, metres"),
    measure("weight_kilogram", "weight, kilograms"),
    count("max_heart_rate", "maximum heart rate, beats per minute"),
    comment="Body measurements on each day they were read. WHOOP keeps no history.",
)

RECORD_TABLES = {name: metadata.tables[name] for name in STREAMS}
"""Stream -> table of its records."""

RECORD_KEYS = {name: stream.key for name, stream in STREAMS.items()}
"""Stream -> natural key of its table.

That of a recovery is its sleep, because a nap can have its own recovery.
"""

SNAPSHOT_TABLES = {name: metadata.tables[stream.table] for name, stream in SNAPSHOT_STREAMS.items()}
"""Snapshot stream -> table."""

record_versions = Table(
    "record_versions",
    metadata,
    key("stream", String(16), "cycles, sleeps, recoveries or workouts"),
    key("record_key", String(36), "the record's key, as text"),
    key("content_hash", String(64), "SHA-256 of the canonical payload"),
    column("user_id", BigInteger, "WHOOP user id", nullable=False),
    column("payload", JsonText(), "the record as WHOOP sent it", nullable=False),
    column("endpoint", String(128), "path of the request that returned it", nullable=False),
    column("updated_at", UtcDateTime(), "WHOOP's update time in this content", nullable=False),
    column("requested_at", UtcDateTime(), "send time of the first request that returned it", nullable=False),
    column("open", Boolean, "true for a content of an open cycle; only the last one is kept", nullable=False),
    comment="Each distinct content of each record.",
)

Index("ix_record_versions_user", record_versions.c.user_id, record_versions.c.stream)

quarantine = Table(
    "quarantine",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("stream", String(16), "stream of the record"),
    key("content_hash", String(64), "SHA-256 of the canonical payload"),
    column("record_key", String(64), "key of the record; NULL if unreadable"),
    column("payload", JsonText(), "the record as WHOOP sent it", nullable=False),
    column("reason", Text, "why it was rejected", nullable=False),
    column("endpoint", String(128), "path of the request that returned it", nullable=False),
    column("first_seen_at", UtcDateTime(), "when it was first read", nullable=False),
    column("last_seen_at", UtcDateTime(), "when it was last read", nullable=False),
    column(
        "resolved_at",
        UtcDateTime(),
        "when a valid record of this key was stored, or it was dismissed; NULL while open",
    ),
    column("dismissed_at", UtcDateTime(), "when it was dismissed; the same content then stays closed"),
    comment="Records that failed validation.",
)

coverage = Table(
    "coverage",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    column("user_id", BigInteger, "WHOOP user id", nullable=False),
    column("stream", String(16), "stream", nullable=False),
    column("start_time", UtcDateTime(), "start of the span, inclusive", nullable=False),
    column("end_time", UtcDateTime(), "end of the span, exclusive", nullable=False),
    column("read_at", UtcDateTime(), "when the span was read completely", nullable=False),
    count("records", "records starting in the span that WHOOP returned; NULL if unknown"),
    column("counted_at", UtcDateTime(), "when these records were committed; NULL if `records` is NULL"),
    comment="Ledger of completely read spans of each stream. Spans of one stream never overlap.",
)

Index("ix_coverage_user_stream", coverage.c.user_id, coverage.c.stream, coverage.c.start_time)


def _stale_ledger(name: str, day: str, changed_at: str, comment: str) -> Table:
    return Table(
        name,
        metadata,
        key("user_id", BigInteger, "WHOOP user id"),
        key("day", Date, day),
        column("generation", BigInteger, "random number that every change renews", nullable=False),
        column("changed_at", UtcDateTime(), changed_at, nullable=False),
        comment=f"Ledger: {comment}",
    )


stale_days = _stale_ledger(
    "stale_days",
    "WHOOP day",
    "when the day last changed",
    "days with changed records since the daily summary was built.",
)

stale_trends = _stale_ledger(
    "stale_trends",
    "WHOOP day with a changed daily summary",
    "when the daily summary last changed",
    "days with a changed daily summary since the trends that it reaches were built.",
)

stale_weeks = _stale_ledger(
    "stale_weeks",
    "Monday of the ISO week",
    "when a daily summary of the week last changed",
    "weeks in which a daily summary changed since their weekly summary was built.",
)

load_failures = Table(
    "load_failures",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("stream", String(16), "stream that could not be loaded"),
    key("run_id", String(64), "Dagster run that failed; empty outside Dagster"),
    column("first_day", Date, "first requested day", nullable=False),
    column("last_day", Date, "last requested day", nullable=False),
    column("cause", Text, "the error, one sentence", nullable=False),
    column("transient", Boolean, "whether a retry may succeed", nullable=False),
    column("first_failed_at", UtcDateTime(), "time of the first failure", nullable=False),
    column("last_failed_at", UtcDateTime(), "time of the last failure", nullable=False),
    comment="Failed loads per run. A row is deleted when a later load of its days succeeds.",
)
