"""Trends, weekly summaries and journal effects with defensible inference: other columns, all of it to be built again.

The three tables hold nothing but what is computed from other tables. In `trends` and `weekly_summary`, columns are dropped and
added in place, so that grants stay. `journal_effects` has another primary key and is made anew: its grants are lost. A view on
a dropped column or on `journal_effects` makes the upgrade fail, and it then changes nothing.

Revision ID: 0013
Revises: 0012
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0013"
down_revision = "0012"

DROPPED = {
    "trends": (
        "hrv_rmssd_milli_z_28",
        "hrv_rmssd_milli_cv_7",
        "ln_hrv_rmssd_cv_7",
        "acwr_coupled_7_28",
        "acwr_ewma_7_28",
        "training_monotony_7",
        "training_strain_7",
        "sleep_debt_7_minutes",
        "sleep_debt_14_minutes",
        "illness_signal_count",
        "illness_signals_known",
        "illness_signals",
    ),
    "weekly_summary": (
        "days_with_recovery",
        "days_with_sleep",
        "days_with_strain",
        "recovery_score_best",
        "recovery_best_day",
        "recovery_score_worst",
        "recovery_worst_day",
        "sleep_duration_minutes_best",
        "sleep_duration_minutes_worst",
        "strain_sum",
        "strain_best",
        "strain_best_day",
    ),
}

# SQLite keeps no comments.
COMMENTS = {
    (
        "trends",
        "timezone_shift_minutes",
    ): "UTC offset less the usual of 28 days, wrapped at 12 hours, minutes; east is positive",
    ("trends", "strain_target_low"): "rule of thumb: day strain to aim at with the day's recovery, from",
    ("trends", "strain_target_high"): "rule of thumb: day strain to aim at with the day's recovery, to",
    ("trends", "illness_flag"): "at least two systems with a sign of illness; no diagnosis",
    ("weekly_summary", "recovery_score_mean"): "mean of recovery, percent; needs 4 days",
    (
        "weekly_summary",
        "hrv_rmssd_milli_mean",
    ): "mean of heart rate variability (RMSSD), milliseconds; needs 4 days",
    (
        "weekly_summary",
        "resting_heart_rate_mean",
    ): "mean of resting heart rate, beats per minute; needs 4 days",
    ("weekly_summary", "respiratory_rate_mean"): "mean of respiratory rate, breaths per minute; needs 4 days",
    ("weekly_summary", "sleep_duration_minutes_mean"): "mean of sleep in main sleeps, minutes; needs 4 days",
    ("weekly_summary", "sleep_needed_minutes_mean"): "mean of sleep need, minutes; needs 4 days",
    (
        "weekly_summary",
        "sleep_debt_minutes_mean",
    ): "mean of the part of the need that comes from sleep debt, minutes; needs 4 days",
    (
        "weekly_summary",
        "sleep_performance_percentage_mean",
    ): "mean of sleep performance, percent; needs 4 days",
    ("weekly_summary", "strain_mean"): "mean of day strain of finished days, 0 to 21; needs 4 days",
}

BEHIND = """
insert into {ledger} (user_id, day, generation, changed_at)
select distinct d.user_id, {day}, 0, {now} from daily_summary d
where not exists (select 1 from {ledger} l where l.user_id = d.user_id and l.day = {day})
"""
MONDAY = {"sqlite": "date(d.day, 'weekday 0', '-6 days')", "postgresql": "date_trunc('week', d.day)::date"}
NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "now()"}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for table, names in DROPPED.items():
        for name in names:
            op.drop_column(table, name)
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    if dialect == "postgresql":
        for (table, name), comment in COMMENTS.items():
            op.alter_column(table, name, comment=comment)
    # Another primary key: a row per outcome and lag. It is built again by the schedule and by each import.
    op.drop_table("journal_effects")
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
        sa.Column(
            "outcome",
            sa.String(32),
            autoincrement=False,
            nullable=False,
            comment="column of daily_summary: recovery_score, hrv_rmssd_milli, resting_heart_rate, sleep_duration_minutes",
        ),
        sa.Column(
            "lag_days",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="0: the night after what was asked about; 1: the night after that",
        ),
        sa.Column("answered_yes_days", sa.Integer(), nullable=True, comment="days answered yes"),
        sa.Column("answered_no_days", sa.Integer(), nullable=True, comment="days answered no"),
        sa.Column("first_day", sa.Date(), nullable=True, comment="first WHOOP day with an answer"),
        sa.Column("last_day", sa.Date(), nullable=True, comment="last WHOOP day with an answer"),
        sa.Column(
            "days_with",
            sa.Integer(),
            nullable=True,
            comment="days answered yes that have the outcome and 14 of the 28 days before it",
        ),
        sa.Column("days_without", sa.Integer(), nullable=True, comment="days answered no that have the same"),
        sa.Column(
            "mean_with",
            sa.Double(),
            nullable=True,
            comment="mean outcome on days_with, in the outcome's unit; geometric for HRV",
        ),
        sa.Column(
            "mean_without",
            sa.Double(),
            nullable=True,
            comment="mean outcome on days_without, in the outcome's unit; geometric for HRV",
        ),
        sa.Column(
            "difference", sa.Double(), nullable=True, comment="effect of yes against no, in difference_unit"
        ),
        sa.Column(
            "difference_low",
            sa.Double(),
            nullable=True,
            comment="95% confidence interval of the difference, from, in difference_unit",
        ),
        sa.Column(
            "difference_high",
            sa.Double(),
            nullable=True,
            comment="95% confidence interval of the difference, to, in difference_unit",
        ),
        sa.Column("difference_unit", sa.String(8), nullable=False, comment="points, percent, bpm or minutes"),
        sa.Column(
            "hedges_g",
            sa.Double(),
            nullable=True,
            comment="difference in standard deviations of a day, Hedges' g",
        ),
        sa.Column(
            "p_value",
            sa.Double(),
            nullable=True,
            comment="probability of such a difference by chance, 0 to 1",
        ),
        sa.Column(
            "q_value",
            sa.Double(),
            nullable=True,
            comment="p_value corrected for all tests of the member (Benjamini-Hochberg), 0 to 1",
        ),
        sa.Column("verdict", sa.String(16), nullable=False, comment="strong, weak or cannot tell"),
        sa.Column(
            "missing", sa.Text(), nullable=True, comment="why there is no difference; NULL when there is one"
        ),
        sa.Column("built_at", types.UtcDateTime(), nullable=False, comment="when this row last changed"),
        sa.PrimaryKeyConstraint("user_id", "question", "outcome", "lag_days"),
        comment="One row per member, question, outcome and lag: the days with a habit against those without.",
    )
    for ledger, day in (("stale_trends", "d.day"), ("stale_weeks", MONDAY[dialect])):
        op.execute(BEHIND.format(ledger=ledger, day=day, now=NOW[dialect]))


def _added() -> "dict[str, tuple[sa.Column[Any], ...]]":
    return {
        "trends": (
            sa.Column(
                "ln_hrv_rmssd_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
            ),
            sa.Column(
                "ln_hrv_rmssd_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
            ),
            sa.Column(
                "resting_heart_rate_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of resting heart rate, beats per minute",
            ),
            sa.Column(
                "resting_heart_rate_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of resting heart rate, beats per minute",
            ),
            sa.Column(
                "respiratory_rate_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of respiratory rate, breaths per minute",
            ),
            sa.Column(
                "respiratory_rate_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of respiratory rate, breaths per minute",
            ),
            sa.Column(
                "sleep_duration_minutes_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of sleep, minutes",
            ),
            sa.Column(
                "sleep_duration_minutes_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of sleep, minutes",
            ),
            sa.Column(
                "strain_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of day strain of finished days, 0 to 21",
            ),
            sa.Column(
                "strain_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of day strain of finished days, 0 to 21",
            ),
            sa.Column(
                "recovery_score_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of recovery, percent",
            ),
            sa.Column(
                "recovery_score_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of recovery, percent",
            ),
            sa.Column(
                "recovery_score_z_28",
                sa.Double(),
                comment="recovery: the day against the 28 days before it, standard deviations",
            ),
            sa.Column(
                "skin_temp_celsius_usual_mean_28",
                sa.Double(),
                comment="mean of the 28 days before the day of skin temperature, degrees Celsius",
            ),
            sa.Column(
                "skin_temp_celsius_usual_sd_28",
                sa.Double(),
                comment="sample standard deviation of the 28 days before the day of skin temperature, degrees Celsius",
            ),
            sa.Column(
                "hrv_cv_7", sa.Double(), comment="100 x standard deviation of 7 days of ln RMSSD, percent"
            ),
            sa.Column(
                "hrv_status",
                sa.String(8),
                comment="below, within or above: mean of 7 days of ln RMSSD against the normal band",
            ),
            sa.Column(
                "hrv_normal_low_milli",
                sa.Double(),
                comment="normal band of HRV, from, milliseconds: mean - 0.5 SD of ln RMSSD of the 60 days before the last 7",
            ),
            sa.Column(
                "hrv_normal_high_milli",
                sa.Double(),
                comment="normal band of HRV, to, milliseconds: mean + 0.5 SD",
            ),
            sa.Column(
                "training_load",
                sa.Double(),
                comment="minutes in zone 1 x 1 + .. + in zone 5 x 5, points; 0 on a day of rest",
            ),
            sa.Column("training_load_mean_7", sa.Double(), comment="mean of 7 days of training load, points"),
            sa.Column(
                "training_load_mean_28", sa.Double(), comment="mean of 28 days of training load, points"
            ),
            sa.Column(
                "training_load_ratio_7_21",
                sa.Double(),
                comment="mean load of 7 days / mean load of the 21 days before them",
            ),
            sa.Column(
                "training_load_monotony_7",
                sa.Double(),
                comment="mean / standard deviation of training load, all 7 days known",
            ),
            sa.Column(
                "training_load_foster_strain_7",
                sa.Double(),
                comment="training load of 7 days x monotony (Foster 1998), points",
            ),
            sa.Column(
                "sleep_balance_7_minutes",
                sa.Double(),
                comment="sleep less need over 7 nights, minutes; below 0: too little",
            ),
            sa.Column("sleep_balance_14_minutes", sa.Double(), comment="the same over 14 nights, minutes"),
            sa.Column(
                "sleep_balance_7_minutes_usual_mean_28",
                sa.Double(),
                comment="mean of sleep_balance_7_minutes of the 28 days before, minutes",
            ),
            sa.Column(
                "sleep_balance_7_minutes_usual_sd_28",
                sa.Double(),
                comment="their sample standard deviation, minutes",
            ),
            sa.Column(
                "mid_sleep_minutes",
                sa.Double(),
                comment="local time halfway between bed time and wake time, minutes since midnight",
            ),
            sa.Column(
                "mid_sleep_sd_7_minutes",
                sa.Double(),
                comment="circular standard deviation of 7 days of mid-sleep, minutes",
            ),
            sa.Column(
                "mid_sleep_sd_28_minutes",
                sa.Double(),
                comment="circular standard deviation of 28 days of mid-sleep, minutes",
            ),
            sa.Column(
                "social_jetlag_weekend_28_minutes",
                sa.Double(),
                comment="mid-sleep on Saturdays and Sundays less that of other days, 28 days, minutes later",
            ),
            sa.Column(
                "sleep_regularity_28",
                sa.Double(),
                comment="sleep regularity index of 28 days from sleep spans, -100 to 100",
            ),
            sa.Column("timezone_shift_cause", sa.String(16), comment="none, clock_change or travel"),
            sa.Column(
                "timezone_days_to_adapt",
                sa.Double(),
                comment="estimated days until the body clock has followed the shift, days",
            ),
            sa.Column(
                "illness_systems",
                sa.Integer(),
                comment="systems with a sign of illness, 0 to 3: heart, respiratory rate, skin temperature",
            ),
            sa.Column(
                "illness_systems_known", sa.Integer(), comment="systems of which a sign can be told, 0 to 3"
            ),
            sa.Column(
                "illness_signs",
                sa.Text(),
                comment="measures beyond their threshold, comma separated; empty: none",
            ),
        ),
        "weekly_summary": (
            sa.Column("recovery_score_days", sa.Integer(), comment="days with a value of recovery"),
            sa.Column(
                "recovery_score_median", sa.Double(), comment="median of recovery, percent; needs 4 days"
            ),
            sa.Column("recovery_score_min", sa.Double(), comment="lowest recovery, percent"),
            sa.Column("recovery_score_min_day", sa.Date(), comment="the first day that has it"),
            sa.Column("recovery_score_max", sa.Double(), comment="highest recovery, percent"),
            sa.Column("recovery_score_max_day", sa.Date(), comment="the first day that has it"),
            sa.Column(
                "hrv_rmssd_milli_days",
                sa.Integer(),
                comment="days with a value of heart rate variability (RMSSD)",
            ),
            sa.Column(
                "hrv_rmssd_milli_median",
                sa.Double(),
                comment="median of heart rate variability (RMSSD), milliseconds; needs 4 days",
            ),
            sa.Column(
                "resting_heart_rate_days", sa.Integer(), comment="days with a value of resting heart rate"
            ),
            sa.Column(
                "resting_heart_rate_median",
                sa.Double(),
                comment="median of resting heart rate, beats per minute; needs 4 days",
            ),
            sa.Column("respiratory_rate_days", sa.Integer(), comment="days with a value of respiratory rate"),
            sa.Column(
                "respiratory_rate_median",
                sa.Double(),
                comment="median of respiratory rate, breaths per minute; needs 4 days",
            ),
            sa.Column(
                "sleep_duration_minutes_days",
                sa.Integer(),
                comment="days with a value of sleep in main sleeps",
            ),
            sa.Column(
                "sleep_duration_minutes_median",
                sa.Double(),
                comment="median of sleep in main sleeps, minutes; needs 4 days",
            ),
            sa.Column(
                "sleep_duration_minutes_min", sa.Double(), comment="lowest sleep in main sleeps, minutes"
            ),
            sa.Column("sleep_duration_minutes_min_day", sa.Date(), comment="the first day that has it"),
            sa.Column(
                "sleep_duration_minutes_max", sa.Double(), comment="highest sleep in main sleeps, minutes"
            ),
            sa.Column("sleep_duration_minutes_max_day", sa.Date(), comment="the first day that has it"),
            sa.Column("sleep_needed_minutes_days", sa.Integer(), comment="days with a value of sleep need"),
            sa.Column(
                "sleep_needed_minutes_median",
                sa.Double(),
                comment="median of sleep need, minutes; needs 4 days",
            ),
            sa.Column(
                "sleep_debt_minutes_days",
                sa.Integer(),
                comment="days with a value of the part of the need that comes from sleep debt",
            ),
            sa.Column(
                "sleep_debt_minutes_median",
                sa.Double(),
                comment="median of the part of the need that comes from sleep debt, minutes; needs 4 days",
            ),
            sa.Column(
                "sleep_performance_percentage_days",
                sa.Integer(),
                comment="days with a value of sleep performance",
            ),
            sa.Column(
                "sleep_performance_percentage_median",
                sa.Double(),
                comment="median of sleep performance, percent; needs 4 days",
            ),
            sa.Column(
                "strain_days", sa.Integer(), comment="days with a value of day strain of finished days"
            ),
            sa.Column(
                "strain_median",
                sa.Double(),
                comment="median of day strain of finished days, 0 to 21; needs 4 days",
            ),
            sa.Column("strain_min", sa.Double(), comment="lowest day strain of finished days, 0 to 21"),
            sa.Column("strain_min_day", sa.Date(), comment="the first day that has it"),
            sa.Column("strain_max", sa.Double(), comment="highest day strain of finished days, 0 to 21"),
            sa.Column("strain_max_day", sa.Date(), comment="the first day that has it"),
            sa.Column("training_load_days", sa.Integer(), comment="days with a value of training load"),
            sa.Column(
                "training_load_mean", sa.Double(), comment="mean of training load, points; needs 4 days"
            ),
            sa.Column(
                "training_load_median", sa.Double(), comment="median of training load, points; needs 4 days"
            ),
            sa.Column(
                "training_load_sum", sa.Double(), comment="training load of the days that have one, points"
            ),
            sa.Column("kilojoule_days", sa.Integer(), comment="finished days with energy"),
            sa.Column("workout_count_days", sa.Integer(), comment="days of which the workouts are known"),
            sa.Column(
                "missing",
                sa.Text(),
                comment="JSON: why each mean and median is NULL that is; NULL when none is",
            ),
        ),
    }
