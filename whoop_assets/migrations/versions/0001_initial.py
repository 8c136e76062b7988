"""The first schema.

This file is a record of what was released: a later change of the schema is a migration of its own. It names
its types itself, so that no later change of the program changes what it makes. Comments of tables and columns
are not part of migrations: `schema.upgrade` sets them from the tables' definitions.

Revision ID: 0001_initial
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_initial"
down_revision = None

BIG, INT, BOOL, DATE, TEXT = sa.BigInteger(), sa.Integer(), sa.Boolean(), sa.Date(), sa.Text()
DOUBLE = sa.Double[float]()
TIME = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(postgresql.JSON(), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _key(kind: Any, names: str) -> "list[sa.Column[Any]]":
    """Columns of the primary key; `names` are separated by spaces."""
    return [sa.Column(name, kind, primary_key=True, autoincrement=False) for name in names.split()]


def _serial(name: str) -> "list[sa.Column[Any]]":
    return [sa.Column(name, SERIAL, primary_key=True)]


def _required(kind: Any, names: str, default: str | None = None) -> "list[sa.Column[Any]]":
    """Columns that are NOT NULL."""
    server_default = sa.text(default) if default else None
    return [sa.Column(name, kind, nullable=False, server_default=server_default) for name in names.split()]


def _optional(kind: Any, names: str) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind) for name in names.split()]


def _record() -> "list[sa.Column[Any]]":
    return [
        *_required(BIG, "user_id"),
        *_required(DATE, "day"),
        *_optional(TIME, "start_time end_time"),
        *_optional(sa.String(6), "timezone_offset"),
        *_required(sa.String(32), "score_state"),
        *_required(TIME, "created_at updated_at"),
    ]


def _provenance() -> "list[sa.Column[Any]]":
    return [
        *_required(JSON, "payload"),
        *_required(sa.String(64), "content_hash"),
        *_required(TIME, "first_seen_at changed_at synced_at"),
        *_optional(TIME, "deleted_at"),
    ]


def _import_provenance() -> "list[sa.Column[Any]]":
    return [
        *_required(sa.String(6), "timezone_offset"),
        *_required(DATE, "day"),
        *_required(JSON, "payload"),
        *_required(sa.String(64), "content_hash"),
        *_required(TIME, "first_seen_at changed_at imported_at"),
    ]


def upgrade() -> None:
    op.create_table(
        "cycles",
        *_key(BIG, "id"),
        *_record(),
        *_optional(DOUBLE, "strain kilojoule"),
        *_optional(INT, "average_heart_rate max_heart_rate step_count"),
        *_provenance(),
    )
    op.create_index("ix_cycles_user_day", "cycles", ["user_id", "day"])
    op.create_index("ix_cycles_user_start", "cycles", ["user_id", "start_time"])
    op.create_table(
        "sleeps",
        *_key(sa.String(36), "id"),
        *_record(),
        *_required(BIG, "cycle_id"),
        *_required(BOOL, "nap"),
        *_optional(
            BIG,
            """
            total_in_bed_time_milli total_awake_time_milli total_no_data_time_milli
            total_light_sleep_time_milli total_slow_wave_sleep_time_milli total_rem_sleep_time_milli
            """,
        ),
        *_optional(INT, "sleep_cycle_count disturbance_count"),
        *_optional(
            BIG,
            "baseline_milli need_from_sleep_debt_milli need_from_recent_strain_milli "
            "need_from_recent_nap_milli",
        ),
        *_optional(
            DOUBLE,
            """
            respiratory_rate sleep_performance_percentage sleep_consistency_percentage
            sleep_efficiency_percentage
            """,
        ),
        *_provenance(),
    )
    op.create_index("ix_sleeps_user_cycle", "sleeps", ["user_id", "cycle_id"])
    op.create_index("ix_sleeps_user_day", "sleeps", ["user_id", "day"])
    op.create_index("ix_sleeps_user_start", "sleeps", ["user_id", "start_time"])
    op.create_table(
        "recoveries",
        *_key(sa.String(36), "sleep_id"),
        *_record(),
        *_required(BIG, "cycle_id"),
        *_optional(BOOL, "user_calibrating"),
        *_optional(
            DOUBLE,
            "recovery_score resting_heart_rate hrv_rmssd_milli spo2_percentage skin_temp_celsius",
        ),
        *_provenance(),
    )
    op.create_index("ix_recoveries_user_cycle", "recoveries", ["user_id", "cycle_id"])
    op.create_index("ix_recoveries_user_day", "recoveries", ["user_id", "day"])
    op.create_index("ix_recoveries_user_start", "recoveries", ["user_id", "start_time"])
    op.create_table(
        "workouts",
        *_key(sa.String(36), "id"),
        *_record(),
        *_optional(INT, "sport_id"),
        *_required(sa.String(128), "sport_name"),
        *_optional(DOUBLE, "strain"),
        *_optional(INT, "average_heart_rate max_heart_rate"),
        *_optional(
            DOUBLE,
            "kilojoule percent_recorded distance_meter altitude_gain_meter altitude_change_meter",
        ),
        *_optional(
            BIG,
            "zone_zero_milli zone_one_milli zone_two_milli zone_three_milli zone_four_milli zone_five_milli",
        ),
        *_provenance(),
    )
    op.create_index("ix_workouts_user_day", "workouts", ["user_id", "day"])
    op.create_index("ix_workouts_user_start", "workouts", ["user_id", "start_time"])
    op.create_table(
        "profiles",
        *_key(BIG, "user_id"),
        *_key(DATE, "day"),
        *_optional(TEXT, "email first_name last_name"),
        *_provenance(),
    )
    op.create_table(
        "body_measurements",
        *_key(BIG, "user_id"),
        *_key(DATE, "day"),
        *_optional(DOUBLE, "height_meter weight_kilogram"),
        *_optional(INT, "max_heart_rate"),
        *_provenance(),
    )
    op.create_table(
        "record_versions",
        *_key(sa.String(16), "stream"),
        *_key(sa.String(36), "record_key"),
        *_key(sa.String(64), "content_hash"),
        *_required(BIG, "user_id"),
        *_required(JSON, "payload"),
        *_required(sa.String(128), "endpoint"),
        *_required(TIME, "updated_at requested_at"),
        *_required(BOOL, "open"),
    )
    op.create_index("ix_record_versions_user", "record_versions", ["user_id", "stream"])
    op.create_table(
        "quarantine",
        *_key(BIG, "user_id"),
        *_key(sa.String(16), "stream"),
        *_key(sa.String(64), "content_hash"),
        *_optional(sa.String(64), "record_key"),
        *_required(JSON, "payload"),
        *_required(TEXT, "reason"),
        *_required(sa.String(128), "endpoint"),
        *_required(TIME, "first_seen_at last_seen_at"),
        *_optional(TIME, "resolved_at dismissed_at"),
    )
    op.create_table(
        "coverage",
        *_serial("id"),
        *_required(BIG, "user_id"),
        *_required(sa.String(16), "stream"),
        *_required(TIME, "start_time end_time read_at"),
        *_optional(INT, "records"),
        *_optional(TIME, "counted_at"),
    )
    op.create_index("ix_coverage_user_stream", "coverage", ["user_id", "stream", "start_time"])
    for ledger in ("stale_days", "stale_trends", "stale_weeks"):
        op.create_table(
            ledger,
            *_key(BIG, "user_id"),
            *_key(DATE, "day"),
            *_required(BIG, "generation"),
            *_required(TIME, "changed_at"),
        )
    op.create_table(
        "load_failures",
        *_key(BIG, "user_id"),
        *_key(sa.String(16), "stream"),
        *_key(sa.String(64), "run_id"),
        *_required(DATE, "first_day last_day"),
        *_required(TEXT, "cause"),
        *_required(BOOL, "transient"),
        *_required(TIME, "first_failed_at last_failed_at"),
    )
    op.create_table(
        "webhook_events",
        *_key(sa.String(160), "trace_id"),
        *_required(BIG, "user_id"),
        *_required(sa.String(64), "event_type"),
        *_optional(sa.String(128), "record_id"),
        *_optional(sa.String(16), "stream"),
        *_required(JSON, "payload"),
        *_required(TIME, "sent_at received_at"),
        *_required(sa.String(8), "state"),
        *_optional(TEXT, "reason"),
        *_required(TIME, "open_since"),
        *_required(INT, "attempts"),
        *_optional(TIME, "next_attempt_at"),
        *_optional(sa.String(64), "begun_by"),
        *_optional(TEXT, "last_error"),
        *_optional(DATE, "day"),
        *_optional(TIME, "closed_at"),
        *_optional(sa.String(64), "closed_by"),
    )
    op.create_index("ix_webhook_events_due", "webhook_events", ["state", "next_attempt_at"])
    op.create_index("ix_webhook_events_received_at", "webhook_events", ["received_at"])
    op.create_index("ix_webhook_events_record", "webhook_events", ["user_id", "stream", "record_id"])
    op.create_table(
        "members",
        *_key(BIG, "user_id"),
        *_required(sa.String(32), "status"),
        *_optional(TEXT, "status_reason"),
        *_required(TEXT, "scopes"),
        *_optional(TEXT, "email first_name last_name"),
        *_required(TIME, "connected_at"),
    )
    op.create_table(
        "tokens",
        *_key(BIG, "user_id"),
        *_required(TEXT, "access_token"),
        *_optional(TEXT, "refresh_token"),
        *_required(TIME, "expires_at refreshed_at"),
        *_required(BIG, "fence", default="0"),
        *_optional(TIME, "lease_until intent_at"),
        *_optional(sa.String(128), "lease_holder"),
        *_optional(sa.String(16), "key_id"),
    )
    op.create_table(
        "token_key", *_key(INT, "id"), *_required(sa.String(16), "key_id"), *_required(TIME, "since")
    )
    op.create_table(
        "invitations",
        *_key(sa.String(64), "link_hash"),
        *_required(TIME, "made_at expires_at"),
        *_optional(sa.String(64), "state_hash"),
        *_optional(TIME, "state_expires_at used_at"),
    )
    op.create_index("ix_invitations_state_hash", "invitations", ["state_hash"], unique=True)
    op.create_table(
        "member_sessions",
        *_serial("id"),
        *_required(BIG, "user_id"),
        *_required(sa.String(64), "token_hash"),
        *_required(TIME, "made_at expires_at"),
    )
    op.create_index("ix_member_sessions_token_hash", "member_sessions", ["token_hash"], unique=True)
    op.create_table(
        "sign_in_links",
        *_key(sa.String(64), "link_hash"),
        *_required(BIG, "user_id"),
        *_required(TIME, "made_at expires_at"),
    )
    op.create_table(
        "sign_in_attempts",
        *_key(sa.String(64), "state_hash"),
        *_optional(BIG, "user_id"),
        *_required(TIME, "expires_at"),
    )
    op.create_table(
        "page_actions",
        *_serial("id"),
        *_required(BIG, "user_id"),
        *_required(sa.String(16), "actor"),
        *_required(sa.String(32), "action"),
        *_optional(sa.String(64), "form_hash"),
        *_required(TIME, "done_at"),
    )
    op.create_index("ix_page_actions_form_hash", "page_actions", ["form_hash"], unique=True)
    op.create_index("ix_page_actions_user_id", "page_actions", ["user_id"])
    op.create_table(
        "request_grants",
        *_serial("id"),
        *_required(TIME, "granted_at"),
        *_required(sa.String(16), "lane"),
        *_optional(sa.String(64), "used_by"),
    )
    op.create_index("ix_request_grants_granted_at", "request_grants", ["granted_at"])
    op.create_table(
        "request_limits",
        *_key(INT, "window_seconds"),
        *_required(INT, "requests"),
        *_required(TIME, "learned_at"),
    )
    op.create_table(
        "request_gate",
        *_key(INT, "id"),
        *_required(TIME, "not_before"),
        *_optional(TIME, "limited_at"),
        *_optional(DOUBLE, "share"),
    )
    op.create_table(
        "request_waiters",
        *_serial("id"),
        *_required(sa.String(16), "lane"),
        *_optional(sa.String(64), "used_by"),
        *_required(TIME, "since back_at"),
    )
    op.create_table(
        "request_allowances",
        *_key(INT, "window_seconds"),
        *_required(INT, "remaining"),
        *_required(TIME, "as_of until"),
    )
    op.create_table(
        "daily_summary",
        *_key(BIG, "user_id"),
        *_key(DATE, "day"),
        *_optional(BIG, "cycle_id"),
        *_optional(TIME, "cycle_start_time cycle_end_time"),
        *_optional(DATE, "cycle_start_date cycle_end_date"),
        *_optional(sa.String(6), "timezone_offset"),
        *_required(BOOL, "is_partial"),
        *_optional(INT, "cycle_count"),
        *_optional(DOUBLE, "strain kilojoule"),
        *_optional(INT, "average_heart_rate max_heart_rate step_count"),
        *_optional(DOUBLE, "recovery_score"),
        *_optional(sa.String(8), "recovery_band"),
        *_optional(DOUBLE, "hrv_rmssd_milli resting_heart_rate spo2_percentage skin_temp_celsius"),
        *_optional(BOOL, "user_calibrating"),
        *_optional(sa.String(36), "sleep_id"),
        *_optional(TIME, "sleep_start_time sleep_end_time"),
        *_optional(
            DOUBLE,
            """
            sleep_duration_minutes in_bed_minutes awake_minutes light_minutes slow_wave_minutes rem_minutes
            sleep_needed_minutes sleep_debt_minutes sleep_performance_percentage sleep_efficiency_percentage
            sleep_consistency_percentage respiratory_rate
            """,
        ),
        *_optional(INT, "disturbance_count nap_count"),
        *_optional(DOUBLE, "nap_minutes"),
        *_optional(INT, "workout_count"),
        *_optional(DOUBLE, "workout_minutes workout_strain_max workout_kilojoule distance_meter"),
        *_optional(
            BIG,
            "zone_zero_milli zone_one_milli zone_two_milli zone_three_milli zone_four_milli zone_five_milli",
        ),
        *_optional(TEXT, "sports"),
        *_optional(TIME, "last_recovery_data_changed_at last_recovery_synced_at"),
        *_required(sa.String(8), "source", default="'api'"),
        *_required(TIME, "built_at"),
    )
    op.create_table("derived_versions", *_key(sa.String(64), "table_name"), *_required(INT, "version"))
    op.create_table(
        "trends",
        *_key(BIG, "user_id"),
        *_key(DATE, "day"),
        *_required(BOOL, "is_partial"),
        *_optional(
            DOUBLE,
            """
            hrv_rmssd_milli_mean_7 hrv_rmssd_milli_mean_28 hrv_rmssd_milli_mean_60 hrv_rmssd_milli_sd_7
            hrv_rmssd_milli_sd_28 hrv_rmssd_milli_sd_60 ln_hrv_rmssd_mean_7 ln_hrv_rmssd_mean_28
            ln_hrv_rmssd_mean_60 ln_hrv_rmssd_sd_7 ln_hrv_rmssd_sd_28 ln_hrv_rmssd_sd_60
            ln_hrv_rmssd_usual_mean_28 ln_hrv_rmssd_usual_sd_28 ln_hrv_rmssd_z_28 resting_heart_rate_mean_7
            resting_heart_rate_mean_28 resting_heart_rate_mean_60 resting_heart_rate_sd_7
            resting_heart_rate_sd_28 resting_heart_rate_sd_60 resting_heart_rate_usual_mean_28
            resting_heart_rate_usual_sd_28 resting_heart_rate_z_28 respiratory_rate_mean_7
            respiratory_rate_mean_28 respiratory_rate_mean_60 respiratory_rate_sd_7 respiratory_rate_sd_28
            respiratory_rate_sd_60 respiratory_rate_usual_mean_28 respiratory_rate_usual_sd_28
            respiratory_rate_z_28 sleep_duration_minutes_mean_7 sleep_duration_minutes_mean_28
            sleep_duration_minutes_mean_60 sleep_duration_minutes_sd_7 sleep_duration_minutes_sd_28
            sleep_duration_minutes_sd_60 sleep_duration_minutes_usual_mean_28
            sleep_duration_minutes_usual_sd_28 sleep_duration_minutes_z_28 strain_mean_7 strain_mean_28
            strain_mean_60 strain_sd_7 strain_sd_28 strain_sd_60 strain_usual_mean_28 strain_usual_sd_28
            strain_z_28 recovery_score_usual_mean_28 recovery_score_usual_sd_28 recovery_score_z_28
            skin_temp_celsius_usual_mean_28 skin_temp_celsius_usual_sd_28 skin_temp_celsius_z_28 hrv_cv_7
            """,
        ),
        *_optional(sa.String(8), "hrv_status"),
        *_optional(
            DOUBLE,
            """
            hrv_normal_low_milli hrv_normal_high_milli training_load training_load_mean_7
            training_load_mean_28 training_load_ratio_7_21 training_load_monotony_7
            training_load_foster_strain_7 sleep_balance_7_minutes sleep_balance_14_minutes
            sleep_balance_7_minutes_usual_mean_28 sleep_balance_7_minutes_usual_sd_28
            bed_time_deviation_minutes wake_time_deviation_minutes mid_sleep_minutes mid_sleep_sd_7_minutes
            mid_sleep_sd_28_minutes social_jetlag_weekend_28_minutes sleep_regularity_28
            timezone_shift_minutes
            """,
        ),
        *_optional(sa.String(16), "timezone_shift_cause"),
        *_optional(DOUBLE, "timezone_days_to_adapt strain_target_low strain_target_high"),
        *_optional(INT, "illness_systems illness_systems_known"),
        *_optional(TEXT, "illness_signs"),
        *_optional(BOOL, "illness_flag"),
        *_optional(INT, "green_streak_days"),
        *_optional(TEXT, "missing"),
        *_required(TIME, "built_at"),
    )
    op.create_table(
        "weekly_summary",
        *_key(BIG, "user_id"),
        *_key(DATE, "week_start"),
        *_required(INT, "iso_year iso_week"),
        *_required(BOOL, "is_partial"),
        *_optional(INT, "days_with_data green_days yellow_days red_days recovery_score_days"),
        *_optional(DOUBLE, "recovery_score_mean recovery_score_median recovery_score_min"),
        *_optional(DATE, "recovery_score_min_day"),
        *_optional(DOUBLE, "recovery_score_max"),
        *_optional(DATE, "recovery_score_max_day"),
        *_optional(INT, "hrv_rmssd_milli_days"),
        *_optional(DOUBLE, "hrv_rmssd_milli_mean hrv_rmssd_milli_median"),
        *_optional(INT, "resting_heart_rate_days"),
        *_optional(DOUBLE, "resting_heart_rate_mean resting_heart_rate_median"),
        *_optional(INT, "respiratory_rate_days"),
        *_optional(DOUBLE, "respiratory_rate_mean respiratory_rate_median"),
        *_optional(INT, "sleep_duration_minutes_days"),
        *_optional(
            DOUBLE,
            "sleep_duration_minutes_mean sleep_duration_minutes_median sleep_duration_minutes_min",
        ),
        *_optional(DATE, "sleep_duration_minutes_min_day"),
        *_optional(DOUBLE, "sleep_duration_minutes_max"),
        *_optional(DATE, "sleep_duration_minutes_max_day"),
        *_optional(INT, "sleep_needed_minutes_days"),
        *_optional(DOUBLE, "sleep_needed_minutes_mean sleep_needed_minutes_median"),
        *_optional(INT, "sleep_debt_minutes_days"),
        *_optional(DOUBLE, "sleep_debt_minutes_mean sleep_debt_minutes_median"),
        *_optional(INT, "sleep_performance_percentage_days"),
        *_optional(DOUBLE, "sleep_performance_percentage_mean sleep_performance_percentage_median"),
        *_optional(INT, "strain_days"),
        *_optional(DOUBLE, "strain_mean strain_median strain_min"),
        *_optional(DATE, "strain_min_day"),
        *_optional(DOUBLE, "strain_max"),
        *_optional(DATE, "strain_max_day"),
        *_optional(INT, "training_load_days"),
        *_optional(DOUBLE, "training_load_mean training_load_median training_load_sum"),
        *_optional(INT, "kilojoule_days"),
        *_optional(DOUBLE, "kilojoule_sum"),
        *_optional(INT, "workout_count_days workout_count"),
        *_optional(
            DOUBLE,
            """
            workout_minutes workout_kilojoule distance_meter nap_minutes zone_zero_minutes zone_one_minutes
            zone_two_minutes zone_three_minutes zone_four_minutes zone_five_minutes
            """,
        ),
        *_optional(TEXT, "missing"),
        *_required(TIME, "built_at"),
    )
    op.create_table(
        "readers",
        *_serial("id"),
        *_required(TEXT, "label"),
        *_required(sa.String(64), "key_hash"),
        *_required(INT, "requests_per_minute"),
        *_required(TIME, "made_at"),
        *_optional(TIME, "revoked_at"),
    )
    op.create_index("ix_readers_key_hash", "readers", ["key_hash"], unique=True)
    op.create_table("reader_members", *_key(BIG, "reader_id user_id"))
    op.create_table("asked_readings", *_key(BIG, "user_id"), *_required(TIME, "asked_at"))
    op.create_table(
        "forced_readings", *_key(BIG, "user_id"), *_required(TIME, "asked_at"), *_required(DATE, "first_day")
    )
    op.create_table(
        "imported_cycles",
        *_key(BIG, "user_id"),
        *_key(TIME, "start_time"),
        *_optional(TIME, "end_time"),
        *_optional(DOUBLE, "strain kilojoule"),
        *_optional(INT, "average_heart_rate max_heart_rate"),
        *_optional(TIME, "sleep_start_time"),
        *_optional(
            DOUBLE,
            "recovery_score resting_heart_rate hrv_rmssd_milli spo2_percentage skin_temp_celsius",
        ),
        *_optional(BIG, "matched_id"),
        *_import_provenance(),
    )
    op.create_index("ix_imported_cycles_user_day", "imported_cycles", ["user_id", "day"])
    op.create_table(
        "imported_sleeps",
        *_key(BIG, "user_id"),
        *_key(TIME, "start_time"),
        *_key(BOOL, "nap"),
        *_required(TIME, "end_time cycle_start_time"),
        *_optional(TIME, "assigned_cycle_start_time"),
        *_optional(
            BIG,
            """
            asleep_milli total_in_bed_time_milli total_awake_time_milli total_light_sleep_time_milli
            total_slow_wave_sleep_time_milli total_rem_sleep_time_milli sleep_needed_milli
            need_from_sleep_debt_milli
            """,
        ),
        *_optional(
            DOUBLE,
            """
            respiratory_rate sleep_performance_percentage sleep_consistency_percentage
            sleep_efficiency_percentage
            """,
        ),
        *_optional(sa.String(36), "matched_id"),
        *_import_provenance(),
    )
    op.create_index("ix_imported_sleeps_user_day", "imported_sleeps", ["user_id", "day"])
    op.create_table(
        "imported_workouts",
        *_key(BIG, "user_id"),
        *_key(TIME, "start_time"),
        *_key(sa.String(128), "activity_name"),
        *_required(sa.String(128), "sport_name"),
        *_required(TIME, "end_time cycle_start_time"),
        *_optional(DOUBLE, "strain kilojoule"),
        *_optional(INT, "average_heart_rate max_heart_rate"),
        *_optional(BIG, "zone_one_milli zone_two_milli zone_three_milli zone_four_milli zone_five_milli"),
        *_optional(BOOL, "gps_enabled"),
        *_optional(DOUBLE, "distance_meter altitude_gain_meter altitude_change_meter"),
        *_optional(sa.String(36), "matched_id"),
        *_import_provenance(),
    )
    op.create_index("ix_imported_workouts_user_day", "imported_workouts", ["user_id", "day"])
    op.create_table(
        "imported_journal",
        *_key(BIG, "user_id"),
        *_key(TIME, "cycle_start_time"),
        *_key(TEXT, "question"),
        *_required(BOOL, "answered_yes"),
        *_optional(TEXT, "notes"),
        *_import_provenance(),
    )
    op.create_index("ix_imported_journal_user_day", "imported_journal", ["user_id", "day"])
    op.create_table(
        "imports",
        *_serial("id"),
        *_required(BIG, "user_id"),
        *_required(sa.String(16), "kind"),
        *_required(TIME, "first_time last_time as_of"),
        *_optional(TEXT, "incomplete_days"),
        *_required(TIME, "imported_at"),
    )
    op.create_index("ix_imports_user", "imports", ["user_id", "kind"])
    op.create_table(
        "export_quarantine",
        *_key(BIG, "user_id"),
        *_key(sa.String(32), "file"),
        *_key(sa.String(64), "content_hash"),
        *_required(INT, "line"),
        *_required(TEXT, "reason row_text"),
        *_required(TIME, "first_seen_at last_seen_at"),
        *_optional(TIME, "resolved_at dismissed_at"),
    )
    op.create_table("export_only_ids", *_key(BIG, "given_id"), *_required(TIME, "given_at"))
    op.create_table(
        "journal",
        *_key(BIG, "user_id"),
        *_key(DATE, "day"),
        *_key(TEXT, "question"),
        *_required(BOOL, "answered_yes"),
        *_optional(TEXT, "notes"),
        *_required(TIME, "cycle_start_time"),
        *_optional(DOUBLE, "recovery_score hrv_rmssd_milli"),
        *_required(TIME, "built_at"),
    )
    op.create_table(
        "journal_effects",
        *_key(BIG, "user_id"),
        *_key(TEXT, "question"),
        *_key(sa.String(32), "outcome"),
        *_key(INT, "lag_days"),
        *_optional(INT, "answered_yes_days answered_no_days"),
        *_optional(DATE, "first_day last_day"),
        *_optional(INT, "days_with days_without"),
        *_optional(DOUBLE, "mean_with mean_without difference difference_low difference_high"),
        *_required(sa.String(8), "difference_unit"),
        *_optional(DOUBLE, "hedges_g p_value q_value"),
        *_required(sa.String(16), "verdict"),
        *_optional(TEXT, "missing"),
        *_required(TIME, "built_at"),
    )
    op.create_table(
        "iceberg_days",
        *_key(TEXT, "namespace"),
        *_key(sa.String(64), "table_name"),
        *_key(DATE, "day"),
        *_required(sa.String(64), "mark"),
        *_required(INT, "rows"),
        *_required(sa.String(36), "table_uuid"),
        *_required(BIG, "sequence_number"),
        *_required(TIME, "committed_at"),
    )
    op.create_table(
        "notion_pages",
        *_key(sa.String(36), "data_source_id"),
        *_key(BIG, "user_id"),
        *_key(DATE, "day"),
        *_optional(sa.String(36), "page_id"),
        *_required(sa.String(16), "state"),
        *_required(TIME, "state_at"),
        *_required(BIG, "generation"),
        *_optional(sa.String(64), "content_hash mapping_hash"),
        *_optional(TIME, "summary_built_at written_at"),
        *_optional(TEXT, "failure"),
    )
    op.create_table(
        "notion_sources",
        *_key(sa.String(36), "data_source_id"),
        *_required(TIME, "next_request_at"),
        *_required(INT, "failures"),
        *_optional(TEXT, "failure"),
        *_optional(TIME, "try_after"),
    )
    op.create_table(
        "v1_ids",
        *_key(BIG, "user_id"),
        *_key(sa.String(8), "kind"),
        *_key(BIG, "v1_id"),
        *_optional(TIME, "start_time end_time"),
        *_required(TEXT, "source"),
        *_required(TIME, "taken_at"),
        *_required(sa.String(8), "state"),
        *_optional(sa.String(10), "way"),
        *_optional(sa.String(36), "v2_id"),
        *_optional(INT, "status"),
        *_optional(sa.String(36), "answer"),
        *_optional(TIME, "asked_at decided_at"),
        *_optional(TEXT, "reason"),
    )
    op.create_index("ix_v1_ids_state", "v1_ids", ["state", "user_id"])
