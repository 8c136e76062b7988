"""The first schema: members, tokens, budget, records, ledgers, daily summary.

Revision ID: 0001
Revises: none
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "body_measurements",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False, comment="day on which it was read"),
        sa.Column("height_meter", sa.Double(), nullable=True, comment="height, metres"),
        sa.Column("weight_kilogram", sa.Double(), nullable=True, comment="weight, kilograms"),
        sa.Column(
            "max_heart_rate", sa.Integer(), nullable=True, comment="maximum heart rate, beats per minute"
        ),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the record as WHOOP sent it, unknown fields included",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical payload"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first read"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when its content, day or deletion last changed",
        ),
        sa.Column(
            "synced_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the newest request that confirmed it",
        ),
        sa.Column(
            "deleted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP confirmed that it is gone; NULL while it exists",
        ),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="Body measurements as they were on each day they were read; WHOOP keeps no history.",
    )
    op.create_table(
        "coverage",
        sa.Column("id", types.Id, nullable=False, comment="row number"),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column("stream", sa.String(length=16), nullable=False, comment="stream"),
        sa.Column("start_time", types.UtcDateTime(), nullable=False, comment="start of the span, inclusive"),
        sa.Column("end_time", types.UtcDateTime(), nullable=False, comment="end of the span, exclusive"),
        sa.Column(
            "read_at", types.UtcDateTime(), nullable=False, comment="when the span was read completely"
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="Ledger: which span of which stream was read completely, and when. Spans of a stream never overlap.",
    )
    op.create_index("ix_coverage_user_stream", "coverage", ["user_id", "stream", "start_time"], unique=False)
    op.create_table(
        "cycles",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP cycle id"),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day the record belongs to"),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            nullable=True,
            comment="start, UTC (of a recovery: its sleep's, else its cycle's)",
        ),
        sa.Column("end_time", types.UtcDateTime(), nullable=True, comment="end, UTC; NULL while open"),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=True,
            comment="offset as WHOOP gave it (of a recovery: its cycle's)",
        ),
        sa.Column(
            "score_state", sa.String(length=32), nullable=False, comment="SCORED, PENDING_SCORE or UNSCORABLE"
        ),
        sa.Column("created_at", types.UtcDateTime(), nullable=False, comment="WHOOP's creation time"),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False, comment="WHOOP's update time"),
        sa.Column("strain", sa.Double(), nullable=True, comment="day strain, 0 to 21"),
        sa.Column("kilojoule", sa.Double(), nullable=True, comment="energy, kilojoules"),
        sa.Column("average_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("max_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("step_count", sa.Integer(), nullable=True, comment="steps; NULL when WHOOP has none"),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the record as WHOOP sent it, unknown fields included",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical payload"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first read"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when its content, day or deletion last changed",
        ),
        sa.Column(
            "synced_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the newest request that confirmed it",
        ),
        sa.Column(
            "deleted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP confirmed that it is gone; NULL while it exists",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="One row per physiological cycle, from one sleep onset to the next.",
    )
    op.create_index("ix_cycles_user_day", "cycles", ["user_id", "day"], unique=False)
    op.create_index("ix_cycles_user_start", "cycles", ["user_id", "start_time"], unique=False)
    op.create_table(
        "daily_summary",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False, comment="WHOOP day"),
        sa.Column("cycle_id", sa.BigInteger(), nullable=True, comment="the day's cycle"),
        sa.Column("cycle_start_time", types.UtcDateTime(), nullable=True, comment="its start, UTC"),
        sa.Column(
            "cycle_end_time", types.UtcDateTime(), nullable=True, comment="its end, UTC; NULL while open"
        ),
        sa.Column("cycle_start_date", sa.Date(), nullable=True, comment="plain local date of its start"),
        sa.Column("cycle_end_date", sa.Date(), nullable=True, comment="plain local date of its end"),
        sa.Column("timezone_offset", sa.String(length=6), nullable=True, comment="the cycle's own offset"),
        sa.Column(
            "is_partial",
            sa.Boolean(),
            nullable=False,
            comment="the cycle is the member's latest, and open or not fully scored",
        ),
        sa.Column("cycle_count", sa.Integer(), nullable=True, comment="cycles of the day"),
        sa.Column("strain", sa.Double(), nullable=True, comment="day strain, 0 to 21"),
        sa.Column("kilojoule", sa.Double(), nullable=True, comment="energy, kilojoules"),
        sa.Column("average_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("max_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("step_count", sa.Integer(), nullable=True, comment="steps"),
        sa.Column(
            "recovery_score",
            sa.Double(),
            nullable=True,
            comment="percent, 0 to 100, of the main sleep's recovery",
        ),
        sa.Column(
            "recovery_band",
            sa.String(length=8),
            nullable=True,
            comment="green (67 to 100), yellow (34 to 66) or red (0 to 33)",
        ),
        sa.Column(
            "hrv_rmssd_milli",
            sa.Double(),
            nullable=True,
            comment="heart rate variability (RMSSD), milliseconds",
        ),
        sa.Column("resting_heart_rate", sa.Double(), nullable=True, comment="beats per minute"),
        sa.Column("spo2_percentage", sa.Double(), nullable=True, comment="blood oxygen, percent"),
        sa.Column(
            "skin_temp_celsius", sa.Double(), nullable=True, comment="skin temperature, degrees Celsius"
        ),
        sa.Column(
            "user_calibrating",
            sa.Boolean(),
            nullable=True,
            comment="true while WHOOP still learns the member's baseline",
        ),
        sa.Column("sleep_id", sa.String(length=36), nullable=True, comment="the day's main sleep (UUID)"),
        sa.Column("sleep_start_time", types.UtcDateTime(), nullable=True, comment="its start, UTC"),
        sa.Column("sleep_end_time", types.UtcDateTime(), nullable=True, comment="its end, UTC"),
        sa.Column(
            "sleep_duration_minutes",
            sa.Double(),
            nullable=True,
            comment="light, slow wave and REM sleep, minutes",
        ),
        sa.Column("in_bed_minutes", sa.Double(), nullable=True, comment="time in bed, minutes"),
        sa.Column("awake_minutes", sa.Double(), nullable=True, comment="time awake in bed, minutes"),
        sa.Column("light_minutes", sa.Double(), nullable=True, comment="light sleep, minutes"),
        sa.Column("slow_wave_minutes", sa.Double(), nullable=True, comment="slow wave sleep, minutes"),
        sa.Column("rem_minutes", sa.Double(), nullable=True, comment="REM sleep, minutes"),
        sa.Column(
            "sleep_needed_minutes",
            sa.Double(),
            nullable=True,
            comment="sleep need, the sum of its four parts, minutes",
        ),
        sa.Column(
            "sleep_debt_minutes",
            sa.Double(),
            nullable=True,
            comment="the part of the need that comes from sleep debt, minutes",
        ),
        sa.Column("sleep_performance_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("sleep_efficiency_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("sleep_consistency_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("respiratory_rate", sa.Double(), nullable=True, comment="breaths per minute"),
        sa.Column("disturbance_count", sa.Integer(), nullable=True, comment="disturbances"),
        sa.Column("nap_count", sa.Integer(), nullable=True, comment="naps"),
        sa.Column("nap_minutes", sa.Double(), nullable=True, comment="time asleep in naps, minutes"),
        sa.Column("workout_count", sa.Integer(), nullable=True, comment="workouts and other activities"),
        sa.Column("workout_minutes", sa.Double(), nullable=True, comment="their total time, minutes"),
        sa.Column(
            "workout_strain_max", sa.Double(), nullable=True, comment="highest workout strain, 0 to 21"
        ),
        sa.Column("workout_kilojoule", sa.Double(), nullable=True, comment="their energy, kilojoules"),
        sa.Column("distance_meter", sa.Double(), nullable=True, comment="their distance, metres"),
        sa.Column(
            "zone_zero_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone zero, milliseconds",
        ),
        sa.Column(
            "zone_one_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone one, milliseconds",
        ),
        sa.Column(
            "zone_two_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone two, milliseconds",
        ),
        sa.Column(
            "zone_three_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone three, milliseconds",
        ),
        sa.Column(
            "zone_four_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone four, milliseconds",
        ),
        sa.Column(
            "zone_five_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone five, milliseconds",
        ),
        sa.Column("sports", sa.Text(), nullable=True, comment="distinct sport slugs, comma separated"),
        sa.Column(
            "last_recovery_data_changed_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when the day's recovery last changed",
        ),
        sa.Column(
            "last_recovery_synced_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when the day's recovery was last confirmed",
        ),
        sa.Column("built_at", types.UtcDateTime(), nullable=False, comment="when this row last changed"),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="One row per member and WHOOP day that has any record.",
    )
    op.create_table(
        "load_failures",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "stream",
            sa.String(length=16),
            autoincrement=False,
            nullable=False,
            comment="stream that could not be loaded",
        ),
        sa.Column(
            "run_id",
            sa.String(length=64),
            autoincrement=False,
            nullable=False,
            comment="Dagster run that failed; empty outside Dagster",
        ),
        sa.Column("first_day", sa.Date(), nullable=False, comment="first day asked for"),
        sa.Column("last_day", sa.Date(), nullable=False, comment="last day asked for"),
        sa.Column("cause", sa.Text(), nullable=False, comment="what went wrong, in one sentence"),
        sa.Column(
            "transient",
            sa.Boolean(),
            nullable=False,
            comment="whether the same attempt may succeed later by itself",
        ),
        sa.Column("first_failed_at", types.UtcDateTime(), nullable=False, comment="since when it fails"),
        sa.Column("last_failed_at", types.UtcDateTime(), nullable=False, comment="when it last failed"),
        sa.PrimaryKeyConstraint("user_id", "stream", "run_id"),
        comment="Loads that did not complete, per run; a row goes when its days have been loaded after all.",
    )
    op.create_table(
        "members",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "status",
            sa.String(length=32),
            nullable=False,
            comment="connected, reconnection_needed or disconnected",
        ),
        sa.Column("status_reason", sa.Text(), nullable=True, comment="why, when not connected"),
        sa.Column("scopes", sa.Text(), nullable=False, comment="granted scopes, space separated"),
        sa.Column("email", sa.Text(), nullable=True, comment="e-mail address"),
        sa.Column("first_name", sa.Text(), nullable=True, comment="first name"),
        sa.Column("last_name", sa.Text(), nullable=True, comment="last name"),
        sa.Column(
            "connected_at", types.UtcDateTime(), nullable=False, comment="when the member last gave consent"
        ),
        sa.PrimaryKeyConstraint("user_id"),
        comment="Who is, or was, connected.",
    )
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False, comment="day on which it was read"),
        sa.Column("email", sa.Text(), nullable=True, comment="e-mail address"),
        sa.Column("first_name", sa.Text(), nullable=True, comment="first name"),
        sa.Column("last_name", sa.Text(), nullable=True, comment="last name"),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the record as WHOOP sent it, unknown fields included",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical payload"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first read"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when its content, day or deletion last changed",
        ),
        sa.Column(
            "synced_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the newest request that confirmed it",
        ),
        sa.Column(
            "deleted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP confirmed that it is gone; NULL while it exists",
        ),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="What WHOOP said of the member on each day it was asked; WHOOP keeps no history.",
    )
    op.create_table(
        "quarantine",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "stream",
            sa.String(length=16),
            autoincrement=False,
            nullable=False,
            comment="stream that the record came in",
        ),
        sa.Column(
            "content_hash",
            sa.String(length=64),
            autoincrement=False,
            nullable=False,
            comment="SHA-256 of the canonical payload",
        ),
        sa.Column(
            "record_key",
            sa.String(length=64),
            nullable=True,
            comment="the record's key, as far as it can be read",
        ),
        sa.Column("payload", types.JsonText(), nullable=False, comment="the record as WHOOP sent it"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was not taken"),
        sa.Column(
            "endpoint", sa.String(length=128), nullable=False, comment="path of the WHOOP API that gave it"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it first came"),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False, comment="when it last came"),
        sa.Column(
            "resolved_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when a valid record of that key was stored; NULL while open",
        ),
        sa.PrimaryKeyConstraint("user_id", "stream", "content_hash"),
        comment="Records that failed validation, kept for a human to look at.",
    )
    op.create_table(
        "record_versions",
        sa.Column(
            "stream",
            sa.String(length=16),
            autoincrement=False,
            nullable=False,
            comment="cycles, sleeps, recoveries or workouts",
        ),
        sa.Column(
            "record_key",
            sa.String(length=36),
            autoincrement=False,
            nullable=False,
            comment="the record's key, as text",
        ),
        sa.Column(
            "content_hash",
            sa.String(length=64),
            autoincrement=False,
            nullable=False,
            comment="SHA-256 of the canonical payload",
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column("payload", types.JsonText(), nullable=False, comment="the record as WHOOP sent it"),
        sa.Column(
            "endpoint", sa.String(length=128), nullable=False, comment="path of the WHOOP API that gave it"
        ),
        sa.Column(
            "updated_at", types.UtcDateTime(), nullable=False, comment="WHOOP's update time in this content"
        ),
        sa.Column(
            "requested_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the first request that gave it",
        ),
        sa.Column(
            "open",
            sa.Boolean(),
            nullable=False,
            comment="a passing state of an open cycle, of which only the last is kept",
        ),
        sa.PrimaryKeyConstraint("stream", "record_key", "content_hash"),
        comment="Each distinct content every record has had.",
    )
    op.create_index("ix_record_versions_user", "record_versions", ["user_id", "stream"], unique=False)
    op.create_table(
        "recoveries",
        sa.Column(
            "sleep_id",
            sa.String(length=36),
            autoincrement=False,
            nullable=False,
            comment="sleep it was computed from (UUID); the safe key, naps can have their own",
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day the record belongs to"),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            nullable=True,
            comment="start, UTC (of a recovery: its sleep's, else its cycle's)",
        ),
        sa.Column("end_time", types.UtcDateTime(), nullable=True, comment="end, UTC; NULL while open"),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=True,
            comment="offset as WHOOP gave it (of a recovery: its cycle's)",
        ),
        sa.Column(
            "score_state", sa.String(length=32), nullable=False, comment="SCORED, PENDING_SCORE or UNSCORABLE"
        ),
        sa.Column("created_at", types.UtcDateTime(), nullable=False, comment="WHOOP's creation time"),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False, comment="WHOOP's update time"),
        sa.Column("cycle_id", sa.BigInteger(), nullable=False, comment="cycle it belongs to"),
        sa.Column(
            "user_calibrating",
            sa.Boolean(),
            nullable=True,
            comment="true while WHOOP still learns the member's baseline",
        ),
        sa.Column("recovery_score", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("resting_heart_rate", sa.Double(), nullable=True, comment="beats per minute"),
        sa.Column(
            "hrv_rmssd_milli",
            sa.Double(),
            nullable=True,
            comment="heart rate variability (RMSSD), milliseconds",
        ),
        sa.Column("spo2_percentage", sa.Double(), nullable=True, comment="blood oxygen, percent"),
        sa.Column(
            "skin_temp_celsius", sa.Double(), nullable=True, comment="skin temperature, degrees Celsius"
        ),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the record as WHOOP sent it, unknown fields included",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical payload"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first read"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when its content, day or deletion last changed",
        ),
        sa.Column(
            "synced_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the newest request that confirmed it",
        ),
        sa.Column(
            "deleted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP confirmed that it is gone; NULL while it exists",
        ),
        sa.PrimaryKeyConstraint("sleep_id"),
        comment="One row per recovery; it has no times of its own.",
    )
    op.create_index("ix_recoveries_user_cycle", "recoveries", ["user_id", "cycle_id"], unique=False)
    op.create_index("ix_recoveries_user_day", "recoveries", ["user_id", "day"], unique=False)
    op.create_index("ix_recoveries_user_start", "recoveries", ["user_id", "start_time"], unique=False)
    op.create_table(
        "request_gate",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("not_before", types.UtcDateTime(), nullable=False, comment="no request before this time"),
        sa.PrimaryKeyConstraint("id"),
        comment="Closed by a 429, or an answer with nothing remaining, until WHOOP's stated reset.",
    )
    op.create_table(
        "request_grants",
        sa.Column("id", types.Id, nullable=False, comment="row number"),
        sa.Column(
            "granted_at", types.UtcDateTime(), nullable=False, comment="when the request was let through"
        ),
        sa.Column("lane", sa.String(length=16), nullable=False, comment="webhook, schedule or backfill"),
        sa.PrimaryKeyConstraint("id"),
        comment="Every request to the WHOOP API of the last day.",
    )
    op.create_index("ix_request_grants_granted_at", "request_grants", ["granted_at"], unique=False)
    op.create_table(
        "request_limits",
        sa.Column(
            "window_seconds",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="length of the window, seconds",
        ),
        sa.Column(
            "requests", sa.Integer(), nullable=False, comment="requests allowed in any window of that length"
        ),
        sa.Column("learned_at", types.UtcDateTime(), nullable=False, comment="when WHOOP last said so"),
        sa.PrimaryKeyConstraint("window_seconds"),
        comment="WHOOP's limits as its answers state them.",
    )
    op.create_table(
        "sleeps",
        sa.Column(
            "id", sa.String(length=36), autoincrement=False, nullable=False, comment="WHOOP sleep id (UUID)"
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day the record belongs to"),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            nullable=True,
            comment="start, UTC (of a recovery: its sleep's, else its cycle's)",
        ),
        sa.Column("end_time", types.UtcDateTime(), nullable=True, comment="end, UTC; NULL while open"),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=True,
            comment="offset as WHOOP gave it (of a recovery: its cycle's)",
        ),
        sa.Column(
            "score_state", sa.String(length=32), nullable=False, comment="SCORED, PENDING_SCORE or UNSCORABLE"
        ),
        sa.Column("created_at", types.UtcDateTime(), nullable=False, comment="WHOOP's creation time"),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False, comment="WHOOP's update time"),
        sa.Column("cycle_id", sa.BigInteger(), nullable=False, comment="cycle it belongs to"),
        sa.Column("nap", sa.Boolean(), nullable=False, comment="true for a nap"),
        sa.Column(
            "total_in_bed_time_milli", sa.BigInteger(), nullable=True, comment="time in bed, milliseconds"
        ),
        sa.Column(
            "total_awake_time_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time awake in bed, milliseconds",
        ),
        sa.Column(
            "total_no_data_time_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time without data, milliseconds",
        ),
        sa.Column(
            "total_light_sleep_time_milli",
            sa.BigInteger(),
            nullable=True,
            comment="light sleep, milliseconds",
        ),
        sa.Column(
            "total_slow_wave_sleep_time_milli",
            sa.BigInteger(),
            nullable=True,
            comment="slow wave (deep) sleep, milliseconds",
        ),
        sa.Column(
            "total_rem_sleep_time_milli", sa.BigInteger(), nullable=True, comment="REM sleep, milliseconds"
        ),
        sa.Column("sleep_cycle_count", sa.Integer(), nullable=True, comment="sleep cycles"),
        sa.Column("disturbance_count", sa.Integer(), nullable=True, comment="disturbances"),
        sa.Column(
            "baseline_milli", sa.BigInteger(), nullable=True, comment="sleep need: baseline, milliseconds"
        ),
        sa.Column(
            "need_from_sleep_debt_milli",
            sa.BigInteger(),
            nullable=True,
            comment="sleep need from sleep debt, milliseconds",
        ),
        sa.Column(
            "need_from_recent_strain_milli",
            sa.BigInteger(),
            nullable=True,
            comment="sleep need from recent strain, milliseconds",
        ),
        sa.Column(
            "need_from_recent_nap_milli",
            sa.BigInteger(),
            nullable=True,
            comment="sleep need taken off by recent naps, zero or negative, milliseconds",
        ),
        sa.Column("respiratory_rate", sa.Double(), nullable=True, comment="breaths per minute"),
        sa.Column("sleep_performance_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("sleep_consistency_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("sleep_efficiency_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the record as WHOOP sent it, unknown fields included",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical payload"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first read"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when its content, day or deletion last changed",
        ),
        sa.Column(
            "synced_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the newest request that confirmed it",
        ),
        sa.Column(
            "deleted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP confirmed that it is gone; NULL while it exists",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="One row per sleep or nap.",
    )
    op.create_index("ix_sleeps_user_cycle", "sleeps", ["user_id", "cycle_id"], unique=False)
    op.create_index("ix_sleeps_user_day", "sleeps", ["user_id", "day"], unique=False)
    op.create_index("ix_sleeps_user_start", "sleeps", ["user_id", "start_time"], unique=False)
    op.create_table(
        "stale_days",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False, comment="WHOOP day"),
        sa.Column("generation", sa.BigInteger(), nullable=False, comment="a number that every change renews"),
        sa.Column("changed_at", types.UtcDateTime(), nullable=False, comment="when the day last changed"),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="Ledger: days whose records changed since their daily summary was built.",
    )
    op.create_table(
        "tokens",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("access_token", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column(
            "refresh_token",
            sa.Text(),
            nullable=True,
            comment="encrypted; NULL when offline access was not granted",
        ),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False, comment="when the access token ends"),
        sa.Column("refreshed_at", types.UtcDateTime(), nullable=False, comment="when the pair was stored"),
        sa.Column(
            "fence",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="number of the last lease",
        ),
        sa.Column(
            "lease_until",
            types.UtcDateTime(),
            nullable=True,
            comment="end of the lease of who is refreshing; NULL when nobody is",
        ),
        sa.Column(
            "intent_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when an exchange was begun whose answer is not stored yet",
        ),
        sa.PrimaryKeyConstraint("user_id"),
        comment="The token pair of each member, encrypted, and the lease under which it is refreshed.",
    )
    op.create_table(
        "workouts",
        sa.Column(
            "id", sa.String(length=36), autoincrement=False, nullable=False, comment="WHOOP workout id (UUID)"
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day the record belongs to"),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            nullable=True,
            comment="start, UTC (of a recovery: its sleep's, else its cycle's)",
        ),
        sa.Column("end_time", types.UtcDateTime(), nullable=True, comment="end, UTC; NULL while open"),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=True,
            comment="offset as WHOOP gave it (of a recovery: its cycle's)",
        ),
        sa.Column(
            "score_state", sa.String(length=32), nullable=False, comment="SCORED, PENDING_SCORE or UNSCORABLE"
        ),
        sa.Column("created_at", types.UtcDateTime(), nullable=False, comment="WHOOP's creation time"),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False, comment="WHOOP's update time"),
        sa.Column("sport_id", sa.Integer(), nullable=True, comment="WHOOP sport id"),
        sa.Column("sport_name", sa.String(length=128), nullable=False, comment="WHOOP sport slug"),
        sa.Column("strain", sa.Double(), nullable=True, comment="workout strain, 0 to 21"),
        sa.Column("average_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("max_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("kilojoule", sa.Double(), nullable=True, comment="energy, kilojoules"),
        sa.Column(
            "percent_recorded",
            sa.Double(),
            nullable=True,
            comment="share of the workout with heart rate data, a fraction 0 to 1",
        ),
        sa.Column("distance_meter", sa.Double(), nullable=True, comment="distance, metres"),
        sa.Column("altitude_gain_meter", sa.Double(), nullable=True, comment="climb, metres"),
        sa.Column(
            "altitude_change_meter", sa.Double(), nullable=True, comment="net change of altitude, metres"
        ),
        sa.Column(
            "zone_zero_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone zero, milliseconds",
        ),
        sa.Column(
            "zone_one_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone one, milliseconds",
        ),
        sa.Column(
            "zone_two_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone two, milliseconds",
        ),
        sa.Column(
            "zone_three_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone three, milliseconds",
        ),
        sa.Column(
            "zone_four_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone four, milliseconds",
        ),
        sa.Column(
            "zone_five_milli",
            sa.BigInteger(),
            nullable=True,
            comment="time in heart rate zone five, milliseconds",
        ),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the record as WHOOP sent it, unknown fields included",
        ),
        sa.Column(
            "content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the canonical payload"
        ),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first read"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when its content, day or deletion last changed",
        ),
        sa.Column(
            "synced_at",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the newest request that confirmed it",
        ),
        sa.Column(
            "deleted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP confirmed that it is gone; NULL while it exists",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="One row per workout or other activity.",
    )
    op.create_index("ix_workouts_user_day", "workouts", ["user_id", "day"], unique=False)
    op.create_index("ix_workouts_user_start", "workouts", ["user_id", "start_time"], unique=False)


def downgrade() -> None:
    op.drop_table("workouts")
    op.drop_table("tokens")
    op.drop_table("stale_days")
    op.drop_table("sleeps")
    op.drop_table("request_limits")
    op.drop_table("request_grants")
    op.drop_table("request_gate")
    op.drop_table("recoveries")
    op.drop_table("record_versions")
    op.drop_table("quarantine")
    op.drop_table("profiles")
    op.drop_table("members")
    op.drop_table("load_failures")
    op.drop_table("daily_summary")
    op.drop_table("cycles")
    op.drop_table("coverage")
    op.drop_table("body_measurements")
