"""The tables. Records keep WHOOP's field names, flattened; times are UTC; units stand in the column comments."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from whoop_assets.warehouse.types import Id, JsonText, UtcDateTime

metadata = MetaData()


def _column(name: str, kind: Any, comment: str, **options: Any) -> "Column[Any]":
    return Column(name, kind, comment=comment, **options)


def _key(name: str, kind: Any, comment: str) -> "Column[Any]":
    return Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def _measure(name: str, comment: str) -> "Column[Any]":
    return Column(name, Double, comment=comment)


def _count(name: str, comment: str) -> "Column[Any]":
    return Column(name, Integer, comment=comment)


def _milli(name: str, comment: str) -> "Column[Any]":
    return Column(name, BigInteger, comment=f"{comment}, milliseconds")


def _provenance() -> "list[Column[Any]]":
    """What every stored record says of itself."""
    return [
        _column(
            "payload", JsonText(), "the record as WHOOP sent it, unknown fields included", nullable=False
        ),
        _column("content_hash", String(64), "SHA-256 of the canonical payload", nullable=False),
        _column("first_seen_at", UtcDateTime(), "when it was first read", nullable=False),
        _column(
            "changed_at", UtcDateTime(), "when its content, day or deletion last changed", nullable=False
        ),
        _column(
            "synced_at", UtcDateTime(), "send time of the newest request that confirmed it", nullable=False
        ),
        _column("deleted_at", UtcDateTime(), "when WHOOP confirmed that it is gone; NULL while it exists"),
    ]


def _record(*key_and_fields: "Column[Any]", name: str, comment: str) -> Table:
    key, *fields = key_and_fields
    table = Table(
        name,
        metadata,
        key,
        _column("user_id", BigInteger, "WHOOP user id", nullable=False),
        _column("day", Date, "WHOOP day the record belongs to", nullable=False),
        _column("start_time", UtcDateTime(), "start, UTC (of a recovery: its sleep's, else its cycle's)"),
        _column("end_time", UtcDateTime(), "end, UTC; NULL while open"),
        _column("timezone_offset", String(6), "offset as WHOOP gave it (of a recovery: its cycle's)"),
        _column("score_state", String(32), "SCORED, PENDING_SCORE or UNSCORABLE", nullable=False),
        _column("created_at", UtcDateTime(), "WHOOP's creation time", nullable=False),
        _column("updated_at", UtcDateTime(), "WHOOP's update time", nullable=False),
        *fields,
        *_provenance(),
        comment=comment,
    )
    Index(f"ix_{name}_user_day", table.c.user_id, table.c.day)
    Index(f"ix_{name}_user_start", table.c.user_id, table.c.start_time)
    return table


cycles = _record(
    _key("id", BigInteger, "WHOOP cycle id"),
    _measure("strain", "day strain, 0 to 21"),
    _measure("kilojoule", "energy, kilojoules"),
    _count("average_heart_rate", "beats per minute"),
    _count("max_heart_rate", "beats per minute"),
    _count("step_count", "steps; NULL when WHOOP has none"),
    name="cycles",
    comment="One row per physiological cycle, from one sleep onset to the next.",
)

sleeps = _record(
    _key("id", String(36), "WHOOP sleep id (UUID)"),
    _column("cycle_id", BigInteger, "cycle it belongs to", nullable=False),
    _column("nap", Boolean, "true for a nap", nullable=False),
    _milli("total_in_bed_time_milli", "time in bed"),
    _milli("total_awake_time_milli", "time awake in bed"),
    _milli("total_no_data_time_milli", "time without data"),
    _milli("total_light_sleep_time_milli", "light sleep"),
    _milli("total_slow_wave_sleep_time_milli", "slow wave (deep) sleep"),
    _milli("total_rem_sleep_time_milli", "REM sleep"),
    _count("sleep_cycle_count", "sleep cycles"),
    _count("disturbance_count", "disturbances"),
    _milli("baseline_milli", "sleep need: baseline"),
    _milli("need_from_sleep_debt_milli", "sleep need from sleep debt"),
    _milli("need_from_recent_strain_milli", "sleep need from recent strain"),
    _milli("need_from_recent_nap_milli", "sleep need taken off by recent naps, zero or negative"),
    _measure("respiratory_rate", "breaths per minute"),
    _measure("sleep_performance_percentage", "percent, 0 to 100"),
    _measure("sleep_consistency_percentage", "percent, 0 to 100"),
    _measure("sleep_efficiency_percentage", "percent, 0 to 100"),
    name="sleeps",
    comment="One row per sleep or nap.",
)
Index("ix_sleeps_user_cycle", sleeps.c.user_id, sleeps.c.cycle_id)

recoveries = _record(
    _key("sleep_id", String(36), "sleep it was computed from (UUID); the safe key, naps can have their own"),
    _column("cycle_id", BigInteger, "cycle it belongs to", nullable=False),
    _column("user_calibrating", Boolean, "true while WHOOP still learns the member's baseline"),
    _measure("recovery_score", "percent, 0 to 100"),
    _measure("resting_heart_rate", "beats per minute"),
    _measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
    _measure("spo2_percentage", "blood oxygen, percent"),
    _measure("skin_temp_celsius", "skin temperature, degrees Celsius"),
    name="recoveries",
    comment="One row per recovery; it has no times of its own.",
)
Index("ix_recoveries_user_cycle", recoveries.c.user_id, recoveries.c.cycle_id)

workouts = _record(
    _key("id", String(36), "WHOOP workout id (UUID)"),
    _count("sport_id", "WHOOP sport id"),
    _column("sport_name", String(128), "WHOOP sport slug", nullable=False),
    _measure("strain", "workout strain, 0 to 21"),
    _count("average_heart_rate", "beats per minute"),
    _count("max_heart_rate", "beats per minute"),
    _measure("kilojoule", "energy, kilojoules"),
    _measure("percent_recorded", "share of the workout with heart rate data, a fraction 0 to 1"),
    _measure("distance_meter", "distance, metres"),
    _measure("altitude_gain_meter", "climb, metres"),
    _measure("altitude_change_meter", "net change of altitude, metres"),
    *(_milli(f"zone_{zone}_milli", f"time in heart rate zone {zone}") for zone in ("zero", "one", "two")),
    *(_milli(f"zone_{zone}_milli", f"time in heart rate zone {zone}") for zone in ("three", "four", "five")),
    name="workouts",
    comment="One row per workout or other activity.",
)


def _snapshot(name: str, *fields: "Column[Any]", comment: str) -> Table:
    return Table(
        name,
        metadata,
        _key("user_id", BigInteger, "WHOOP user id"),
        _key("day", Date, "day on which it was read"),
        *fields,
        *_provenance(),
        comment=comment,
    )


profiles = _snapshot(
    "profiles",
    _column("email", Text, "e-mail address"),
    _column("first_name", Text, "first name"),
    _column("last_name", Text, "last name"),
    comment="What WHOOP said of the member on each day it was asked; WHOOP keeps no history.",
)
body_measurements = _snapshot(
    "body_measurements",
    _measure("height_meter", "height, metres"),
    _measure("weight_kilogram", "weight, kilograms"),
    _count("max_heart_rate", "maximum heart rate, beats per minute"),
    comment="Body measurements as they were on each day they were read; WHOOP keeps no history.",
)

RECORD_TABLES = {"cycles": cycles, "sleeps": sleeps, "recoveries": recoveries, "workouts": workouts}
SNAPSHOT_TABLES = {"profile": profiles, "body_measurement": body_measurements}

record_versions = Table(
    "record_versions",
    metadata,
    _key("stream", String(16), "cycles, sleeps, recoveries or workouts"),
    _key("record_key", String(36), "the record's key, as text"),
    _key("content_hash", String(64), "SHA-256 of the canonical payload"),
    _column("user_id", BigInteger, "WHOOP user id", nullable=False),
    _column("payload", JsonText(), "the record as WHOOP sent it", nullable=False),
    _column("endpoint", String(128), "path of the WHOOP API that gave it", nullable=False),
    _column("updated_at", UtcDateTime(), "WHOOP's update time in this content", nullable=False),
    _column("requested_at", UtcDateTime(), "send time of the first request that gave it", nullable=False),
    _column(
        "open", Boolean, "a passing state of an open cycle, of which only the last is kept", nullable=False
    ),
    comment="Each distinct content every record has had.",
)
Index("ix_record_versions_user", record_versions.c.user_id, record_versions.c.stream)

FROM_SINGLE_READS = text(
    "endpoint NOT IN ('/v2/cycle', '/v2/recovery', '/v2/activity/sleep', '/v2/activity/workout')"
)
"""Contents that a record's own URL gave, not a page of a collection: few, and indexed apart."""

Index(
    "ix_record_versions_single",
    record_versions.c.stream,
    record_versions.c.record_key,
    sqlite_where=FROM_SINGLE_READS,
    postgresql_where=FROM_SINGLE_READS,
)

quarantine = Table(
    "quarantine",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("stream", String(16), "stream that the record came in"),
    _key("content_hash", String(64), "SHA-256 of the canonical payload"),
    _column("record_key", String(64), "the record's key, as far as it can be read"),
    _column("payload", JsonText(), "the record as WHOOP sent it", nullable=False),
    _column("reason", Text, "why it was not taken", nullable=False),
    _column("endpoint", String(128), "path of the WHOOP API that gave it", nullable=False),
    _column("first_seen_at", UtcDateTime(), "when it first came", nullable=False),
    _column("last_seen_at", UtcDateTime(), "when it last came", nullable=False),
    _column(
        "resolved_at",
        UtcDateTime(),
        "when a valid record of that key was stored, or it was dismissed; NULL while open",
    ),
    _column("dismissed_at", UtcDateTime(), "when somebody dismissed it: it stays closed if it comes again"),
    comment="Records that failed validation, kept for a human to look at.",
)

coverage = Table(
    "coverage",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    _column("user_id", BigInteger, "WHOOP user id", nullable=False),
    _column("stream", String(16), "stream", nullable=False),
    _column("start_time", UtcDateTime(), "start of the span, inclusive", nullable=False),
    _column("end_time", UtcDateTime(), "end of the span, exclusive", nullable=False),
    _column("read_at", UtcDateTime(), "when the span was read completely", nullable=False),
    _count("records", "records that start in the span and that WHOOP's pages held then; NULL: not known"),
    _column("counted_at", UtcDateTime(), "when that reading was committed; NULL: the number is not known"),
    comment="Ledger: which span of which stream was read completely, and when. Spans of a stream never overlap.",
)
Index("ix_coverage_user_stream", coverage.c.user_id, coverage.c.stream, coverage.c.start_time)

stale_days = Table(
    "stale_days",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("day", Date, "WHOOP day"),
    _column("generation", BigInteger, "a number that every change renews", nullable=False),
    _column("changed_at", UtcDateTime(), "when the day last changed", nullable=False),
    comment="Ledger: days whose records changed since their daily summary was built.",
)

stale_trends = Table(
    "stale_trends",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("day", Date, "WHOOP day whose daily summary changed"),
    _column("generation", BigInteger, "a number that every change renews", nullable=False),
    _column("changed_at", UtcDateTime(), "when the daily summary last changed", nullable=False),
    comment="Ledger: days whose daily summary changed since the trends that it reaches were built.",
)

stale_weeks = Table(
    "stale_weeks",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("day", Date, "Monday of the ISO week"),
    _column("generation", BigInteger, "a number that every change renews", nullable=False),
    _column("changed_at", UtcDateTime(), "when a daily summary of the week last changed", nullable=False),
    comment="Ledger: weeks in which a daily summary changed since their weekly summary was built.",
)

load_failures = Table(
    "load_failures",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("stream", String(16), "stream that could not be loaded"),
    _key("run_id", String(64), "Dagster run that failed; empty outside Dagster"),
    _column("first_day", Date, "first day asked for", nullable=False),
    _column("last_day", Date, "last day asked for", nullable=False),
    _column("cause", Text, "what went wrong, in one sentence", nullable=False),
    _column("transient", Boolean, "whether the same attempt may succeed later by itself", nullable=False),
    _column("first_failed_at", UtcDateTime(), "since when it fails", nullable=False),
    _column("last_failed_at", UtcDateTime(), "when it last failed", nullable=False),
    comment="Loads that did not complete, per run; a row goes when its days have been loaded after all.",
)

webhook_events = Table(
    "webhook_events",
    metadata,
    _key("trace_id", String(160), "WHOOP's name of the event: what comes twice under it is one event"),
    _column("user_id", BigInteger, "WHOOP user id", nullable=False),
    _column("event_type", String(64), "workout.updated, sleep.deleted, ... as WHOOP sent it", nullable=False),
    _column("record_id", String(128), "id of the record (of a recovery: its sleep's); NULL: none was sent"),
    _column(
        "stream", String(16), "sleeps, recoveries or workouts; NULL for an event that names no such record"
    ),
    _column("payload", JsonText(), "the event as WHOOP sent it, unknown fields included", nullable=False),
    _column("sent_at", UtcDateTime(), "the time in WHOOP's signature", nullable=False),
    _column("received_at", UtcDateTime(), "when it was stored, and then answered", nullable=False),
    _column("state", String(8), "open, parked or done", nullable=False),
    _column("reason", Text, "why it is parked"),
    _column(
        "open_since",
        UtcDateTime(),
        "a request sent after this closes it: receipt, or the last replay",
        nullable=False,
    ),
    _column("attempts", Integer, "attempts to load what it announces, since then", nullable=False),
    _column("next_attempt_at", UtcDateTime(), "when the next attempt is due; NULL unless open"),
    _column("begun_by", String(64), "who makes the attempt that is under way; NULL: none is"),
    _column("last_error", Text, "what the last failed attempt came to, in one sentence"),
    _column("day", Date, "WHOOP day under which it is loaded; NULL: not filed yet"),
    _column("closed_at", UtcDateTime(), "when a load committed what it announced"),
    _column("closed_by", String(64), "that load: a Dagster run, a command"),
    comment="Ledger: what WHOOP announced, and whether the announced change is committed.",
)
Index("ix_webhook_events_due", webhook_events.c.state, webhook_events.c.next_attempt_at)
Index(
    "ix_webhook_events_record", webhook_events.c.user_id, webhook_events.c.stream, webhook_events.c.record_id
)
Index("ix_webhook_events_received_at", webhook_events.c.received_at)

members = Table(
    "members",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _column(
        "status",
        String(32),
        "connected, reconnection_needed, disconnected, or export_only: never connected, all from an export",
        nullable=False,
    ),
    _column("status_reason", Text, "why, when not connected"),
    _column("scopes", Text, "granted scopes, space separated", nullable=False),
    _column("email", Text, "e-mail address"),
    _column("first_name", Text, "first name"),
    _column("last_name", Text, "last name"),
    _column(
        "connected_at",
        UtcDateTime(),
        "when the member last gave consent; export_only: when first imported",
        nullable=False,
    ),
    comment="Who is, or was, connected.",
)

tokens = Table(
    "tokens",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _column("access_token", Text, "encrypted", nullable=False),
    _column("refresh_token", Text, "encrypted; NULL when offline access was not granted"),
    _column("expires_at", UtcDateTime(), "when the access token ends", nullable=False),
    _column("refreshed_at", UtcDateTime(), "when the pair was stored", nullable=False),
    _column("fence", BigInteger, "number of the last lease", nullable=False, server_default=text("0")),
    _column("lease_until", UtcDateTime(), "end of the lease of who is refreshing; NULL when nobody is"),
    _column("intent_at", UtcDateTime(), "when an exchange was begun whose answer is not stored yet"),
    _column(
        "lease_holder",
        String(128),
        "host and process of who is refreshing, or stopped in the middle; NULL: nobody",
    ),
    _column("key_id", String(16), "fingerprint of the key that encrypted the pair; NULL: not known"),
    comment="The token pair of each member, encrypted, and the lease under which it is refreshed.",
)

token_key = Table(
    "token_key",
    metadata,
    _key("id", Integer, "always 1"),
    _column("key_id", String(16), "fingerprint of the key", nullable=False),
    _column("since", UtcDateTime(), "when it became the one that encrypts", nullable=False),
    comment="Which key encrypts tokens now, so that processes that began before a rotation use it too.",
)

invitations = Table(
    "invitations",
    metadata,
    _key("link_hash", String(64), "SHA-256 of the secret in the link"),
    _column("made_at", UtcDateTime(), "when it was made", nullable=False),
    _column("expires_at", UtcDateTime(), "when it ends", nullable=False),
    _column("state_hash", String(64), "SHA-256 of the state of the attempt under way; NULL: none"),
    _column("state_expires_at", UtcDateTime(), "when that attempt ends"),
    _column("used_at", UtcDateTime(), "when an attempt to connect through it was finished; NULL: it is good"),
    comment="Links through which one member each can connect at the HTTP service.",
)
Index("ix_invitations_state_hash", invitations.c.state_hash, unique=True)

request_grants = Table(
    "request_grants",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    _column("granted_at", UtcDateTime(), "when the request was let through", nullable=False),
    _column("lane", String(16), "webhook, schedule or backfill", nullable=False),
    _column("used_by", String(64), "on whose behalf: a Dagster run, a command"),
    comment="Every request to the WHOOP API of the last day.",
)
Index("ix_request_grants_granted_at", request_grants.c.granted_at)

request_limits = Table(
    "request_limits",
    metadata,
    _key("window_seconds", Integer, "length of the window, seconds"),
    _column("requests", Integer, "requests allowed in any window of that length", nullable=False),
    _column("learned_at", UtcDateTime(), "when WHOOP last said so", nullable=False),
    comment="WHOOP's limits as its answers state them.",
)

request_gate = Table(
    "request_gate",
    metadata,
    _key("id", Integer, "always 1"),
    _column("not_before", UtcDateTime(), "no request before this time", nullable=False),
    _column("limited_at", UtcDateTime(), "when WHOOP last answered 429; NULL: never"),
    _column("share", Double, "share of the short windows' limits in use after that 429; NULL: all"),
    comment="Closed by a 429 until WHOOP's stated reset; then it opens gently.",
)

request_waiters = Table(
    "request_waiters",
    metadata,
    Column("id", Id, primary_key=True, comment="place in the queue: lower numbers came earlier"),
    _column("lane", String(16), "webhook, schedule or backfill", nullable=False),
    _column("used_by", String(64), "on whose behalf: a Dagster run, a command"),
    _column("since", UtcDateTime(), "since when it waits", nullable=False),
    _column("back_at", UtcDateTime(), "when it will look again; long past that it is dead", nullable=False),
    comment="Who waits for a slot, so that the slots go round in the order in which they were asked for.",
)

request_allowances = Table(
    "request_allowances",
    metadata,
    _key("window_seconds", Integer, "length of the window, seconds"),
    _column("remaining", Integer, "requests that WHOOP said were left in it", nullable=False),
    _column("as_of", UtcDateTime(), "send time of the request whose answer said so", nullable=False),
    _column("until", UtcDateTime(), "when WHOOP's window starts afresh", nullable=False),
    comment="What WHOOP says is left, where that is less than our own count: somebody else uses the same app.",
)

daily_summary = Table(
    "daily_summary",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("day", Date, "WHOOP day"),
    _column("cycle_id", BigInteger, "the day's cycle"),
    _column("cycle_start_time", UtcDateTime(), "its start, UTC"),
    _column("cycle_end_time", UtcDateTime(), "its end, UTC; NULL while open"),
    _column("cycle_start_date", Date, "plain local date of its start"),
    _column("cycle_end_date", Date, "plain local date of its end"),
    _column("timezone_offset", String(6), "the cycle's own offset"),
    _column(
        "is_partial",
        Boolean,
        "the cycle is the member's latest, and open or not fully scored",
        nullable=False,
    ),
    _count("cycle_count", "cycles of the day"),
    _measure("strain", "day strain, 0 to 21"),
    _measure("kilojoule", "energy, kilojoules"),
    _count("average_heart_rate", "beats per minute"),
    _count("max_heart_rate", "beats per minute"),
    _count("step_count", "steps"),
    _measure("recovery_score", "percent, 0 to 100, of the main sleep's recovery"),
    _column("recovery_band", String(8), "green (67 to 100), yellow (34 to 66) or red (0 to 33)"),
    _measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
    _measure("resting_heart_rate", "beats per minute"),
    _measure("spo2_percentage", "blood oxygen, percent"),
    _measure("skin_temp_celsius", "skin temperature, degrees Celsius"),
    _column("user_calibrating", Boolean, "true while WHOOP still learns the member's baseline"),
    _column("sleep_id", String(36), "the day's main sleep (UUID)"),
    _column("sleep_start_time", UtcDateTime(), "its start, UTC"),
    _column("sleep_end_time", UtcDateTime(), "its end, UTC"),
    _measure("sleep_duration_minutes", "light, slow wave and REM sleep, minutes"),
    _measure("in_bed_minutes", "time in bed, minutes"),
    _measure("awake_minutes", "time awake in bed, minutes"),
    _measure("light_minutes", "light sleep, minutes"),
    _measure("slow_wave_minutes", "slow wave sleep, minutes"),
    _measure("rem_minutes", "REM sleep, minutes"),
    _measure("sleep_needed_minutes", "sleep need, the sum of its four parts, minutes"),
    _measure("sleep_debt_minutes", "the part of the need that comes from sleep debt, minutes"),
    _measure("sleep_performance_percentage", "percent, 0 to 100"),
    _measure("sleep_efficiency_percentage", "percent, 0 to 100"),
    _measure("sleep_consistency_percentage", "percent, 0 to 100"),
    _measure("respiratory_rate", "breaths per minute"),
    _count("disturbance_count", "disturbances"),
    _count("nap_count", "naps"),
    _measure("nap_minutes", "time asleep in naps, minutes"),
    _count("workout_count", "workouts and other activities"),
    _measure("workout_minutes", "their total time, minutes"),
    _measure("workout_strain_max", "highest workout strain, 0 to 21"),
    _measure("workout_kilojoule", "their energy, kilojoules"),
    _measure("distance_meter", "their distance, metres"),
    *(_milli(f"zone_{zone}_milli", f"time in heart rate zone {zone}") for zone in ("zero", "one", "two")),
    *(_milli(f"zone_{zone}_milli", f"time in heart rate zone {zone}") for zone in ("three", "four", "five")),
    _column("sports", Text, "distinct sport slugs, comma separated"),
    _column("last_recovery_data_changed_at", UtcDateTime(), "when the day's recovery last changed"),
    _column("last_recovery_synced_at", UtcDateTime(), "when the day's recovery was last confirmed"),
    _column(
        "source",
        String(8),
        "api, export: from the app's own export alone, or mixed: an export fills streams of which the API was not read",
        nullable=False,
        server_default=text("'api'"),
    ),
    _column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member and WHOOP day that has any record.",
)


def _rolled(name: str, what: str, unit: str) -> "list[Column[Any]]":
    """Rolling means and standard deviations of one column of the daily summary."""
    return [
        *(_measure(f"{name}_mean_{days}", f"mean of {days} days of {what}, {unit}") for days in (7, 28, 60)),
        *(
            _measure(f"{name}_sd_{days}", f"sample standard deviation of {days} days of {what}, {unit}")
            for days in (7, 28, 60)
        ),
    ]


def _usual(name: str, what: str, unit: str) -> "list[Column[Any]]":
    """The usual value of one column of the daily summary, and the day against it."""
    return [
        _measure(f"{name}_usual_mean_28", f"mean of the 28 days before the day of {what}, {unit}"),
        _measure(
            f"{name}_usual_sd_28",
            f"sample standard deviation of the 28 days before the day of {what}, {unit}",
        ),
        _measure(f"{name}_z_28", f"{what}: the day against the 28 days before it, standard deviations"),
    ]


def _baselined(name: str, what: str, unit: str) -> "list[Column[Any]]":
    return [*_rolled(name, what, unit), *_usual(name, what, unit)]


trends = Table(
    "trends",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("day", Date, "WHOOP day"),
    _column("is_partial", Boolean, "as in daily_summary: the day's strain is still passing", nullable=False),
    *_rolled("hrv_rmssd_milli", "HRV (RMSSD)", "milliseconds"),
    *_baselined("ln_hrv_rmssd", "the natural logarithm of HRV (RMSSD in milliseconds)", "ln ms"),
    *_baselined("resting_heart_rate", "resting heart rate", "beats per minute"),
    *_baselined("respiratory_rate", "respiratory rate", "breaths per minute"),
    *_baselined("sleep_duration_minutes", "sleep", "minutes"),
    *_baselined("strain", "day strain of finished days", "0 to 21"),
    *_usual("recovery_score", "recovery", "percent"),
    *_usual("skin_temp_celsius", "skin temperature", "degrees Celsius"),
    _measure("hrv_cv_7", "100 x standard deviation of 7 days of ln RMSSD, percent"),
    _column(
        "hrv_status", String(8), "below, within or above: mean of 7 days of ln RMSSD against the normal band"
    ),
    _measure(
        "hrv_normal_low_milli",
        "normal band of HRV, from, milliseconds: mean - 0.5 SD of ln RMSSD of the 60 days before the last 7",
    ),
    _measure("hrv_normal_high_milli", "normal band of HRV, to, milliseconds: mean + 0.5 SD"),
    _measure("training_load", "minutes in zone 1 x 1 + .. + in zone 5 x 5, points; 0 on a day of rest"),
    _measure("training_load_mean_7", "mean of 7 days of training load, points"),
    _measure("training_load_mean_28", "mean of 28 days of training load, points"),
    _measure("training_load_ratio_7_21", "mean load of 7 days / mean load of the 21 days before them"),
    _measure("training_load_monotony_7", "mean / standard deviation of training load, all 7 days known"),
    _measure("training_load_foster_strain_7", "training load of 7 days x monotony (Foster 1998), points"),
    _measure("sleep_balance_7_minutes", "sleep less need over 7 nights, minutes; below 0: too little"),
    _measure("sleep_balance_14_minutes", "the same over 14 nights, minutes"),
    _measure(
        "sleep_balance_7_minutes_usual_mean_28",
        "mean of sleep_balance_7_minutes of the 28 days before, minutes",
    ),
    _measure("sleep_balance_7_minutes_usual_sd_28", "their sample standard deviation, minutes"),
    _measure("bed_time_deviation_minutes", "local bed time against the usual of 28 days, minutes later"),
    _measure("wake_time_deviation_minutes", "local wake time against the usual of 28 days, minutes later"),
    _measure(
        "mid_sleep_minutes", "local time halfway between bed time and wake time, minutes since midnight"
    ),
    _measure("mid_sleep_sd_7_minutes", "circular standard deviation of 7 days of mid-sleep, minutes"),
    _measure("mid_sleep_sd_28_minutes", "circular standard deviation of 28 days of mid-sleep, minutes"),
    _measure(
        "social_jetlag_weekend_28_minutes",
        "mid-sleep on Saturdays and Sundays less that of other days, 28 days, minutes later",
    ),
    _measure("sleep_regularity_28", "sleep regularity index of 28 days from sleep spans, -100 to 100"),
    _measure(
        "timezone_shift_minutes",
        "UTC offset less the usual of 28 days, wrapped at 12 hours, minutes; east is positive",
    ),
    _column("timezone_shift_cause", String(16), "none, clock_change or travel"),
    _measure("timezone_days_to_adapt", "estimated days until the body clock has followed the shift, days"),
    _measure("strain_target_low", "rule of thumb: day strain to aim at with the day's recovery, from"),
    _measure("strain_target_high", "rule of thumb: day strain to aim at with the day's recovery, to"),
    _count(
        "illness_systems", "systems with a sign of illness, 0 to 3: heart, respiratory rate, skin temperature"
    ),
    _count("illness_systems_known", "systems of which a sign can be told, 0 to 3"),
    _column("illness_signs", Text, "measures beyond their threshold, comma separated; empty: none"),
    _column("illness_flag", Boolean, "at least two systems with a sign of illness; no diagnosis"),
    _count("green_streak_days", "consecutive green days up to this one, counted to 60"),
    _column("missing", Text, "JSON: why each measure is NULL that is; NULL when none is"),
    _column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member and WHOOP day that has a daily summary: the day against the days before it.",
)


def _week_of(name: str, what: str, unit: str, *, extremes: bool = False) -> "list[Column[Any]]":
    """How many days of a week have a value, its mean and median, and its extremes with the first day that has them."""
    found = [
        _count(f"{name}_days", f"days with a value of {what}"),
        _measure(f"{name}_mean", f"mean of {what}, {unit}; needs 4 days"),
        _measure(f"{name}_median", f"median of {what}, {unit}; needs 4 days"),
    ]
    for extreme, says in (("min", "lowest"), ("max", "highest")) if extremes else ():
        found += [
            _measure(f"{name}_{extreme}", f"{says} {what}, {unit}"),
            _column(f"{name}_{extreme}_day", Date, "the first day that has it"),
        ]
    return found


weekly_summary = Table(
    "weekly_summary",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("week_start", Date, "Monday of the ISO week"),
    _column("iso_year", Integer, "ISO 8601 year of the week", nullable=False),
    _column("iso_week", Integer, "ISO 8601 week, 1 to 53", nullable=False),
    _column("is_partial", Boolean, "one of its days is partial", nullable=False),
    _count("days_with_data", "days with a daily summary, 1 to 7"),
    _count("green_days", "days with a green recovery"),
    _count("yellow_days", "days with a yellow recovery"),
    _count("red_days", "days with a red recovery"),
    *_week_of("recovery_score", "recovery", "percent", extremes=True),
    *_week_of("hrv_rmssd_milli", "heart rate variability (RMSSD)", "milliseconds"),
    *_week_of("resting_heart_rate", "resting heart rate", "beats per minute"),
    *_week_of("respiratory_rate", "respiratory rate", "breaths per minute"),
    *_week_of("sleep_duration_minutes", "sleep in main sleeps", "minutes", extremes=True),
    *_week_of("sleep_needed_minutes", "sleep need", "minutes"),
    *_week_of("sleep_debt_minutes", "the part of the need that comes from sleep debt", "minutes"),
    *_week_of("sleep_performance_percentage", "sleep performance", "percent"),
    *_week_of("strain", "day strain of finished days", "0 to 21", extremes=True),
    *_week_of("training_load", "training load", "points"),
    _measure("training_load_sum", "training load of the days that have one, points"),
    _count("kilojoule_days", "finished days with energy"),
    _measure("kilojoule_sum", "energy of finished days, kilojoules"),
    _count("workout_count_days", "days of which the workouts are known"),
    _count("workout_count", "workouts and other activities"),
    _measure("workout_minutes", "their total time, minutes"),
    _measure("workout_kilojoule", "their energy, kilojoules"),
    _measure("distance_meter", "their distance, metres"),
    _measure("nap_minutes", "time asleep in naps, minutes"),
    *(
        _measure(f"zone_{zone}_minutes", f"time in heart rate zone {zone}, minutes")
        for zone in ("zero", "one", "two", "three", "four", "five")
    ),
    _column("missing", Text, "JSON: why each mean and median is NULL that is; NULL when none is"),
    _column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member and ISO week that has a daily summary.",
)
