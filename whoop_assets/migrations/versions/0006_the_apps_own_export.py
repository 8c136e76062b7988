"""What the app's own export says, the journal, and where the values of a daily row come from.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0006"
down_revision = "0005"

# Members who were never connected are in the table now too; SQLite keeps no comments.
MEMBERS_SAY = {
    "status": (
        "connected, reconnection_needed, disconnected, or export_only: never connected, all from an export"
    ),
    "connected_at": "when the member last gave consent; export_only: when first imported",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column, says in MEMBERS_SAY.items():
            op.alter_column("members", column, comment=says)
    op.create_table(
        "export_quarantine",
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="member: WHOOP user id, or a negative number of our own",
        ),
        sa.Column(
            "file", sa.String(length=32), autoincrement=False, nullable=False, comment="file of the export"
        ),
        sa.Column(
            "content_hash",
            sa.String(length=64),
            autoincrement=False,
            nullable=False,
            comment="SHA-256 of the row",
        ),
        sa.Column("line", sa.Integer(), nullable=False, comment="line of the file, the heading being line 1"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was not taken"),
        sa.Column("row_text", sa.Text(), nullable=False, comment="the row as exported"),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it first came"),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False, comment="when it last came"),
        sa.Column(
            "resolved_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when a later import of the file no longer held it; NULL while open",
        ),
        sa.PrimaryKeyConstraint("user_id", "file", "content_hash"),
        comment="Rows of an export that were not understood, kept for a human to look at.",
    )
    op.create_table(
        "imported_cycles",
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="member: WHOOP user id, or a negative number of our own",
        ),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            autoincrement=False,
            nullable=False,
            comment="start, UTC, whole seconds",
        ),
        sa.Column("end_time", types.UtcDateTime(), nullable=True, comment="end, UTC; NULL while open"),
        sa.Column("strain", sa.Double(), nullable=True, comment="day strain, 0 to 21"),
        sa.Column(
            "kilojoule",
            sa.Double(),
            nullable=True,
            comment="energy, kilojoules; exported as whole kilocalories",
        ),
        sa.Column("average_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("max_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column(
            "recovery_score",
            sa.Double(),
            nullable=True,
            comment="percent, 0 to 100, of the recovery it begins with",
        ),
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
            "matched_id",
            sa.BigInteger(),
            nullable=True,
            comment="WHOOP cycle id of the same cycle in `cycles`; NULL: none is there",
        ),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=False,
            comment="the cycle's offset, as the API writes it",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day of the cycle it is listed under"),
        sa.Column(
            "payload", types.JsonText(), nullable=False, comment="the row as exported: plain heading -> cell"
        ),
        sa.Column("content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the payload"),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first imported"),
        sa.Column("changed_at", types.UtcDateTime(), nullable=False, comment="when its content last changed"),
        sa.Column("imported_at", types.UtcDateTime(), nullable=False, comment="when an export last held it"),
        sa.PrimaryKeyConstraint("user_id", "start_time"),
        comment="Cycles of the app's own export, with the recovery that each begins with.",
    )
    op.create_index("ix_imported_cycles_user_day", "imported_cycles", ["user_id", "day"], unique=False)
    op.create_table(
        "imported_journal",
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="member: WHOOP user id, or a negative number of our own",
        ),
        sa.Column(
            "cycle_start_time",
            types.UtcDateTime(),
            autoincrement=False,
            nullable=False,
            comment="start of the cycle in which it was answered, UTC",
        ),
        sa.Column(
            "question",
            sa.Text(),
            autoincrement=False,
            nullable=False,
            comment="the question, as the app asks it",
        ),
        sa.Column("answered_yes", sa.Boolean(), nullable=False, comment="the answer"),
        sa.Column("notes", sa.Text(), nullable=True, comment="what the member wrote beside it"),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=False,
            comment="the cycle's offset, as the API writes it",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day of the cycle it is listed under"),
        sa.Column(
            "payload", types.JsonText(), nullable=False, comment="the row as exported: plain heading -> cell"
        ),
        sa.Column("content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the payload"),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first imported"),
        sa.Column("changed_at", types.UtcDateTime(), nullable=False, comment="when its content last changed"),
        sa.Column("imported_at", types.UtcDateTime(), nullable=False, comment="when an export last held it"),
        sa.PrimaryKeyConstraint("user_id", "cycle_start_time", "question"),
        comment="Answers of the journal, from the app's own export.",
    )
    op.create_index("ix_imported_journal_user_day", "imported_journal", ["user_id", "day"], unique=False)
    op.create_table(
        "imported_sleeps",
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="member: WHOOP user id, or a negative number of our own",
        ),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            autoincrement=False,
            nullable=False,
            comment="start, UTC, whole seconds",
        ),
        sa.Column("nap", sa.Boolean(), autoincrement=False, nullable=False, comment="true for a nap"),
        sa.Column("end_time", types.UtcDateTime(), nullable=False, comment="end, UTC"),
        sa.Column(
            "cycle_start_time",
            types.UtcDateTime(),
            nullable=False,
            comment="start of the cycle it is listed under, UTC",
        ),
        sa.Column("asleep_milli", sa.BigInteger(), nullable=True, comment="time asleep, milliseconds"),
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
        sa.Column(
            "sleep_needed_milli",
            sa.BigInteger(),
            nullable=True,
            comment="sleep need, the sum of its parts, milliseconds",
        ),
        sa.Column(
            "need_from_sleep_debt_milli",
            sa.BigInteger(),
            nullable=True,
            comment="sleep need from sleep debt, milliseconds",
        ),
        sa.Column("respiratory_rate", sa.Double(), nullable=True, comment="breaths per minute"),
        sa.Column("sleep_performance_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("sleep_consistency_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("sleep_efficiency_percentage", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column(
            "matched_id",
            sa.String(length=36),
            nullable=True,
            comment="WHOOP sleep id of the same sleep in `sleeps`; NULL: none is there",
        ),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=False,
            comment="the cycle's offset, as the API writes it",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day of the cycle it is listed under"),
        sa.Column(
            "payload", types.JsonText(), nullable=False, comment="the row as exported: plain heading -> cell"
        ),
        sa.Column("content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the payload"),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first imported"),
        sa.Column("changed_at", types.UtcDateTime(), nullable=False, comment="when its content last changed"),
        sa.Column("imported_at", types.UtcDateTime(), nullable=False, comment="when an export last held it"),
        sa.PrimaryKeyConstraint("user_id", "start_time", "nap"),
        comment="Sleeps and naps of the app's own export.",
    )
    op.create_index("ix_imported_sleeps_user_day", "imported_sleeps", ["user_id", "day"], unique=False)
    op.create_table(
        "imported_workouts",
        sa.Column(
            "user_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="member: WHOOP user id, or a negative number of our own",
        ),
        sa.Column(
            "start_time",
            types.UtcDateTime(),
            autoincrement=False,
            nullable=False,
            comment="start, UTC, whole seconds",
        ),
        sa.Column(
            "activity_name",
            sa.String(length=128),
            autoincrement=False,
            nullable=False,
            comment="activity as the app calls it",
        ),
        sa.Column("sport_name", sa.String(length=128), nullable=False, comment="the same as the API's slug"),
        sa.Column("end_time", types.UtcDateTime(), nullable=False, comment="end, UTC"),
        sa.Column(
            "cycle_start_time",
            types.UtcDateTime(),
            nullable=False,
            comment="start of the cycle it is listed under, UTC",
        ),
        sa.Column("strain", sa.Double(), nullable=True, comment="workout strain, 0 to 21"),
        sa.Column(
            "kilojoule",
            sa.Double(),
            nullable=True,
            comment="energy, kilojoules; exported as whole kilocalories",
        ),
        sa.Column("average_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
        sa.Column("max_heart_rate", sa.Integer(), nullable=True, comment="beats per minute"),
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
        sa.Column("gps_enabled", sa.Boolean(), nullable=True, comment="whether it was recorded with GPS"),
        sa.Column("distance_meter", sa.Double(), nullable=True, comment="distance, metres"),
        sa.Column("altitude_gain_meter", sa.Double(), nullable=True, comment="climb, metres"),
        sa.Column(
            "altitude_change_meter", sa.Double(), nullable=True, comment="net change of altitude, metres"
        ),
        sa.Column(
            "matched_id",
            sa.String(length=36),
            nullable=True,
            comment="WHOOP workout id of the same workout in `workouts`; NULL: none is there",
        ),
        sa.Column(
            "timezone_offset",
            sa.String(length=6),
            nullable=False,
            comment="the cycle's offset, as the API writes it",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day of the cycle it is listed under"),
        sa.Column(
            "payload", types.JsonText(), nullable=False, comment="the row as exported: plain heading -> cell"
        ),
        sa.Column("content_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the payload"),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False, comment="when it was first imported"),
        sa.Column("changed_at", types.UtcDateTime(), nullable=False, comment="when its content last changed"),
        sa.Column("imported_at", types.UtcDateTime(), nullable=False, comment="when an export last held it"),
        sa.PrimaryKeyConstraint("user_id", "start_time", "activity_name"),
        comment="Workouts and other activities of the app's own export.",
    )
    op.create_index("ix_imported_workouts_user_day", "imported_workouts", ["user_id", "day"], unique=False)
    op.create_table(
        "imports",
        sa.Column("id", types.Id, nullable=False, comment="row number"),
        sa.Column(
            "user_id",
            sa.BigInteger(),
            nullable=False,
            comment="member: WHOOP user id, or a negative number of our own",
        ),
        sa.Column(
            "kind", sa.String(length=16), nullable=False, comment="cycles, sleeps, workouts or journal"
        ),
        sa.Column(
            "first_time",
            types.UtcDateTime(),
            nullable=False,
            comment="start of the earliest record of that kind in it",
        ),
        sa.Column("last_time", types.UtcDateTime(), nullable=False, comment="start of the latest"),
        sa.Column(
            "as_of",
            types.UtcDateTime(),
            nullable=False,
            comment="start of the newest cycle that the export names",
        ),
        sa.Column("imported_at", types.UtcDateTime(), nullable=False, comment="when it was imported"),
        sa.PrimaryKeyConstraint("id"),
        comment="Ledger: which span of which kind of record an import held, and how new the export was.",
    )
    op.create_index("ix_imports_user", "imports", ["user_id", "kind"], unique=False)
    op.create_table(
        "journal",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "day",
            sa.Date(),
            autoincrement=False,
            nullable=False,
            comment="WHOOP day on whose morning it was answered",
        ),
        sa.Column(
            "question",
            sa.Text(),
            autoincrement=False,
            nullable=False,
            comment="the question, as the app asks it",
        ),
        sa.Column(
            "answered_yes", sa.Boolean(), nullable=False, comment="whether it was so on the day before"
        ),
        sa.Column("notes", sa.Text(), nullable=True, comment="what the member wrote beside it"),
        sa.Column(
            "cycle_start_time",
            types.UtcDateTime(),
            nullable=False,
            comment="start of the cycle in which it was answered, UTC",
        ),
        sa.Column(
            "recovery_score",
            sa.Double(),
            nullable=True,
            comment="percent, 0 to 100, of the recovery of that morning",
        ),
        sa.Column(
            "hrv_rmssd_milli",
            sa.Double(),
            nullable=True,
            comment="heart rate variability (RMSSD) of that night, milliseconds",
        ),
        sa.Column("built_at", types.UtcDateTime(), nullable=False, comment="when this row last changed"),
        sa.PrimaryKeyConstraint("user_id", "day", "question"),
        comment="One row per member, WHOOP day and question of the journal, beside the recovery that followed.",
    )
    op.create_table(
        "journal_effects",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "question",
            sa.Text(),
            autoincrement=False,
            nullable=False,
            comment="the question, as the app asks it",
        ),
        sa.Column("days_with", sa.Integer(), nullable=True, comment="days answered yes"),
        sa.Column("days_without", sa.Integer(), nullable=True, comment="days answered no"),
        sa.Column("first_day", sa.Date(), nullable=True, comment="first WHOOP day with an answer"),
        sa.Column("last_day", sa.Date(), nullable=True, comment="last WHOOP day with an answer"),
        sa.Column(
            "recovery_score_days_with",
            sa.Integer(),
            nullable=True,
            comment="days answered yes that have recovery",
        ),
        sa.Column(
            "recovery_score_days_without",
            sa.Integer(),
            nullable=True,
            comment="days answered no that have recovery",
        ),
        sa.Column(
            "recovery_score_mean_with",
            sa.Double(),
            nullable=True,
            comment="mean of recovery on days answered yes, percent",
        ),
        sa.Column(
            "recovery_score_mean_without",
            sa.Double(),
            nullable=True,
            comment="mean of recovery on days answered no, percent",
        ),
        sa.Column(
            "recovery_score_difference",
            sa.Double(),
            nullable=True,
            comment="mean with less mean without, percent",
        ),
        sa.Column(
            "recovery_score_difference_low",
            sa.Double(),
            nullable=True,
            comment="95% confidence interval of the difference, from, percent",
        ),
        sa.Column(
            "recovery_score_difference_high",
            sa.Double(),
            nullable=True,
            comment="95% confidence interval of the difference, to, percent",
        ),
        sa.Column(
            "hrv_rmssd_milli_days_with",
            sa.Integer(),
            nullable=True,
            comment="days answered yes that have HRV (RMSSD)",
        ),
        sa.Column(
            "hrv_rmssd_milli_days_without",
            sa.Integer(),
            nullable=True,
            comment="days answered no that have HRV (RMSSD)",
        ),
        sa.Column(
            "hrv_rmssd_milli_mean_with",
            sa.Double(),
            nullable=True,
            comment="mean of HRV (RMSSD) on days answered yes, milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_mean_without",
            sa.Double(),
            nullable=True,
            comment="mean of HRV (RMSSD) on days answered no, milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_difference",
            sa.Double(),
            nullable=True,
            comment="mean with less mean without, milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_difference_low",
            sa.Double(),
            nullable=True,
            comment="95% confidence interval of the difference, from, milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_difference_high",
            sa.Double(),
            nullable=True,
            comment="95% confidence interval of the difference, to, milliseconds",
        ),
        sa.Column(
            "missing",
            sa.Text(),
            nullable=True,
            comment="JSON: why a difference is NULL that is; NULL when none is",
        ),
        sa.Column("built_at", types.UtcDateTime(), nullable=False, comment="when this row last changed"),
        sa.PrimaryKeyConstraint("user_id", "question"),
        comment="One row per member and question: recovery and HRV on the days with against those without.",
    )
    op.add_column(
        "daily_summary",
        sa.Column(
            "source",
            sa.String(length=8),
            server_default=sa.text("'api'"),
            nullable=False,
            comment="api, or export: what the app's own export says of a day that the API does not give",
        ),
    )
