"""Trends, weekly summaries, and the ledgers of what is behind in them.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0004"
down_revision = "0003"

# What was summed up before this version has no trends and no weeks yet: all of it is behind.
BEHIND = """
insert into {ledger} (user_id, day, generation, changed_at)
select distinct user_id, {day}, 0, {now} from daily_summary
"""
MONDAY = {"sqlite": "date(day, 'weekday 0', '-6 days')", "postgresql": "date_trunc('week', day)::date"}
NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "now()"}


def upgrade() -> None:
    op.create_table(
        "stale_trends",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "day",
            sa.Date(),
            autoincrement=False,
            nullable=False,
            comment="WHOOP day whose daily summary changed",
        ),
        sa.Column("generation", sa.BigInteger(), nullable=False, comment="a number that every change renews"),
        sa.Column(
            "changed_at", types.UtcDateTime(), nullable=False, comment="when the daily summary last changed"
        ),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="Ledger: days whose daily summary changed since the trends that it reaches were built.",
    )
    op.create_table(
        "stale_weeks",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False, comment="Monday of the ISO week"),
        sa.Column("generation", sa.BigInteger(), nullable=False, comment="a number that every change renews"),
        sa.Column(
            "changed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when a daily summary of the week last changed",
        ),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="Ledger: weeks in which a daily summary changed since their weekly summary was built.",
    )
    op.create_table(
        "trends",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False, comment="WHOOP day"),
        sa.Column(
            "is_partial",
            sa.Boolean(),
            nullable=False,
            comment="as in daily_summary: the day's strain is still passing",
        ),
        sa.Column(
            "hrv_rmssd_milli_mean_7",
            sa.Double(),
            nullable=True,
            comment="mean of 7 days of HRV (RMSSD), milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_mean_28",
            sa.Double(),
            nullable=True,
            comment="mean of 28 days of HRV (RMSSD), milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_mean_60",
            sa.Double(),
            nullable=True,
            comment="mean of 60 days of HRV (RMSSD), milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_sd_7",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 7 days of HRV (RMSSD), milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_sd_28",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 28 days of HRV (RMSSD), milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_sd_60",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 60 days of HRV (RMSSD), milliseconds",
        ),
        sa.Column(
            "hrv_rmssd_milli_z_28",
            sa.Double(),
            nullable=True,
            comment="HRV (RMSSD): the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "ln_hrv_rmssd_mean_7",
            sa.Double(),
            nullable=True,
            comment="mean of 7 days of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
        ),
        sa.Column(
            "ln_hrv_rmssd_mean_28",
            sa.Double(),
            nullable=True,
            comment="mean of 28 days of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
        ),
        sa.Column(
            "ln_hrv_rmssd_mean_60",
            sa.Double(),
            nullable=True,
            comment="mean of 60 days of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
        ),
        sa.Column(
            "ln_hrv_rmssd_sd_7",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 7 days of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
        ),
        sa.Column(
            "ln_hrv_rmssd_sd_28",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 28 days of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
        ),
        sa.Column(
            "ln_hrv_rmssd_sd_60",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 60 days of the natural logarithm of HRV (RMSSD in milliseconds), ln ms",
        ),
        sa.Column(
            "ln_hrv_rmssd_z_28",
            sa.Double(),
            nullable=True,
            comment="the natural logarithm of HRV (RMSSD in milliseconds): the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "resting_heart_rate_mean_7",
            sa.Double(),
            nullable=True,
            comment="mean of 7 days of resting heart rate, beats per minute",
        ),
        sa.Column(
            "resting_heart_rate_mean_28",
            sa.Double(),
            nullable=True,
            comment="mean of 28 days of resting heart rate, beats per minute",
        ),
        sa.Column(
            "resting_heart_rate_mean_60",
            sa.Double(),
            nullable=True,
            comment="mean of 60 days of resting heart rate, beats per minute",
        ),
        sa.Column(
            "resting_heart_rate_sd_7",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 7 days of resting heart rate, beats per minute",
        ),
        sa.Column(
            "resting_heart_rate_sd_28",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 28 days of resting heart rate, beats per minute",
        ),
        sa.Column(
            "resting_heart_rate_sd_60",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 60 days of resting heart rate, beats per minute",
        ),
        sa.Column(
            "resting_heart_rate_z_28",
            sa.Double(),
            nullable=True,
            comment="resting heart rate: the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "respiratory_rate_mean_7",
            sa.Double(),
            nullable=True,
            comment="mean of 7 days of respiratory rate, breaths per minute",
        ),
        sa.Column(
            "respiratory_rate_mean_28",
            sa.Double(),
            nullable=True,
            comment="mean of 28 days of respiratory rate, breaths per minute",
        ),
        sa.Column(
            "respiratory_rate_mean_60",
            sa.Double(),
            nullable=True,
            comment="mean of 60 days of respiratory rate, breaths per minute",
        ),
        sa.Column(
            "respiratory_rate_sd_7",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 7 days of respiratory rate, breaths per minute",
        ),
        sa.Column(
            "respiratory_rate_sd_28",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 28 days of respiratory rate, breaths per minute",
        ),
        sa.Column(
            "respiratory_rate_sd_60",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 60 days of respiratory rate, breaths per minute",
        ),
        sa.Column(
            "respiratory_rate_z_28",
            sa.Double(),
            nullable=True,
            comment="respiratory rate: the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "sleep_duration_minutes_mean_7",
            sa.Double(),
            nullable=True,
            comment="mean of 7 days of sleep, minutes",
        ),
        sa.Column(
            "sleep_duration_minutes_mean_28",
            sa.Double(),
            nullable=True,
            comment="mean of 28 days of sleep, minutes",
        ),
        sa.Column(
            "sleep_duration_minutes_mean_60",
            sa.Double(),
            nullable=True,
            comment="mean of 60 days of sleep, minutes",
        ),
        sa.Column(
            "sleep_duration_minutes_sd_7",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 7 days of sleep, minutes",
        ),
        sa.Column(
            "sleep_duration_minutes_sd_28",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 28 days of sleep, minutes",
        ),
        sa.Column(
            "sleep_duration_minutes_sd_60",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 60 days of sleep, minutes",
        ),
        sa.Column(
            "sleep_duration_minutes_z_28",
            sa.Double(),
            nullable=True,
            comment="sleep: the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "strain_mean_7",
            sa.Double(),
            nullable=True,
            comment="mean of 7 days of day strain of finished days, 0 to 21",
        ),
        sa.Column(
            "strain_mean_28",
            sa.Double(),
            nullable=True,
            comment="mean of 28 days of day strain of finished days, 0 to 21",
        ),
        sa.Column(
            "strain_mean_60",
            sa.Double(),
            nullable=True,
            comment="mean of 60 days of day strain of finished days, 0 to 21",
        ),
        sa.Column(
            "strain_sd_7",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 7 days of day strain of finished days, 0 to 21",
        ),
        sa.Column(
            "strain_sd_28",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 28 days of day strain of finished days, 0 to 21",
        ),
        sa.Column(
            "strain_sd_60",
            sa.Double(),
            nullable=True,
            comment="sample standard deviation of 60 days of day strain of finished days, 0 to 21",
        ),
        sa.Column(
            "strain_z_28",
            sa.Double(),
            nullable=True,
            comment="day strain of finished days: the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "skin_temp_celsius_z_28",
            sa.Double(),
            nullable=True,
            comment="skin temperature: the day against the 28 days before it, standard deviations",
        ),
        sa.Column(
            "hrv_rmssd_milli_cv_7",
            sa.Double(),
            nullable=True,
            comment="coefficient of variation of 7 days of HRV (RMSSD), percent",
        ),
        sa.Column(
            "ln_hrv_rmssd_cv_7",
            sa.Double(),
            nullable=True,
            comment="coefficient of variation of 7 days of ln RMSSD, percent",
        ),
        sa.Column(
            "acwr_coupled_7_28",
            sa.Double(),
            nullable=True,
            comment="acute to chronic workload ratio of day strain, 7 in 28 days",
        ),
        sa.Column(
            "acwr_ewma_7_28",
            sa.Double(),
            nullable=True,
            comment="the same, of exponentially weighted means of 7 and 28 days",
        ),
        sa.Column(
            "training_monotony_7",
            sa.Double(),
            nullable=True,
            comment="mean / standard deviation of 7 days of strain",
        ),
        sa.Column(
            "training_strain_7",
            sa.Double(),
            nullable=True,
            comment="load of 7 days times monotony, in units of day strain",
        ),
        sa.Column(
            "sleep_debt_7_minutes",
            sa.Double(),
            nullable=True,
            comment="sleep needed less slept over 7 nights, minutes; below 0: surplus",
        ),
        sa.Column(
            "sleep_debt_14_minutes", sa.Double(), nullable=True, comment="the same over 14 nights, minutes"
        ),
        sa.Column(
            "bed_time_deviation_minutes",
            sa.Double(),
            nullable=True,
            comment="local bed time against the usual of 28 days, minutes later",
        ),
        sa.Column(
            "wake_time_deviation_minutes",
            sa.Double(),
            nullable=True,
            comment="local wake time against the usual of 28 days, minutes later",
        ),
        sa.Column(
            "timezone_shift_minutes",
            sa.Double(),
            nullable=True,
            comment="UTC offset less the usual of 28 days, minutes; east is positive",
        ),
        sa.Column(
            "strain_target_low",
            sa.Double(),
            nullable=True,
            comment="day strain to aim at with the day's recovery, from",
        ),
        sa.Column(
            "strain_target_high",
            sa.Double(),
            nullable=True,
            comment="day strain to aim at with the day's recovery, to",
        ),
        sa.Column(
            "illness_signal_count",
            sa.Integer(),
            nullable=True,
            comment="signals of illness that are there, 0 to 4",
        ),
        sa.Column(
            "illness_signals_known",
            sa.Integer(),
            nullable=True,
            comment="signals of illness that can be told, 0 to 4",
        ),
        sa.Column(
            "illness_signals",
            sa.Text(),
            nullable=True,
            comment="which are there, comma separated; empty: none",
        ),
        sa.Column("illness_flag", sa.Boolean(), nullable=True, comment="at least two signals of illness"),
        sa.Column(
            "green_streak_days",
            sa.Integer(),
            nullable=True,
            comment="consecutive green days up to this one, counted to 60",
        ),
        sa.Column(
            "missing",
            sa.Text(),
            nullable=True,
            comment="JSON: why each measure is NULL that is; NULL when none is",
        ),
        sa.Column("built_at", types.UtcDateTime(), nullable=False, comment="when this row last changed"),
        sa.PrimaryKeyConstraint("user_id", "day"),
        comment="One row per member and WHOOP day that has a daily summary: the day against the days before it.",
    )
    op.create_table(
        "weekly_summary",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "week_start", sa.Date(), autoincrement=False, nullable=False, comment="Monday of the ISO week"
        ),
        sa.Column("iso_year", sa.Integer(), nullable=False, comment="ISO 8601 year of the week"),
        sa.Column("iso_week", sa.Integer(), nullable=False, comment="ISO 8601 week, 1 to 53"),
        sa.Column("is_partial", sa.Boolean(), nullable=False, comment="one of its days is partial"),
        sa.Column("days_with_data", sa.Integer(), nullable=True, comment="days with a daily summary, 1 to 7"),
        sa.Column("days_with_recovery", sa.Integer(), nullable=True, comment="days with a recovery score"),
        sa.Column("days_with_sleep", sa.Integer(), nullable=True, comment="days with a scored main sleep"),
        sa.Column("days_with_strain", sa.Integer(), nullable=True, comment="finished days with strain"),
        sa.Column("recovery_score_mean", sa.Double(), nullable=True, comment="percent, 0 to 100"),
        sa.Column("recovery_score_best", sa.Double(), nullable=True, comment="highest, percent"),
        sa.Column("recovery_best_day", sa.Date(), nullable=True, comment="the first day that had it"),
        sa.Column("recovery_score_worst", sa.Double(), nullable=True, comment="lowest, percent"),
        sa.Column("recovery_worst_day", sa.Date(), nullable=True, comment="the first day that had it"),
        sa.Column("green_days", sa.Integer(), nullable=True, comment="days with a green recovery"),
        sa.Column("yellow_days", sa.Integer(), nullable=True, comment="days with a yellow recovery"),
        sa.Column("red_days", sa.Integer(), nullable=True, comment="days with a red recovery"),
        sa.Column(
            "hrv_rmssd_milli_mean",
            sa.Double(),
            nullable=True,
            comment="mean heart rate variability (RMSSD), milliseconds",
        ),
        sa.Column("resting_heart_rate_mean", sa.Double(), nullable=True, comment="mean, beats per minute"),
        sa.Column("respiratory_rate_mean", sa.Double(), nullable=True, comment="mean, breaths per minute"),
        sa.Column(
            "sleep_duration_minutes_mean",
            sa.Double(),
            nullable=True,
            comment="mean of the main sleeps, minutes",
        ),
        sa.Column("sleep_duration_minutes_best", sa.Double(), nullable=True, comment="longest, minutes"),
        sa.Column("sleep_duration_minutes_worst", sa.Double(), nullable=True, comment="shortest, minutes"),
        sa.Column(
            "sleep_needed_minutes_mean", sa.Double(), nullable=True, comment="mean sleep need, minutes"
        ),
        sa.Column(
            "sleep_debt_minutes_mean",
            sa.Double(),
            nullable=True,
            comment="mean of the part of the need that comes from sleep debt, minutes",
        ),
        sa.Column("sleep_performance_percentage_mean", sa.Double(), nullable=True, comment="mean, percent"),
        sa.Column(
            "strain_mean", sa.Double(), nullable=True, comment="mean day strain of finished days, 0 to 21"
        ),
        sa.Column("strain_sum", sa.Double(), nullable=True, comment="sum of the day strain of finished days"),
        sa.Column(
            "strain_best", sa.Double(), nullable=True, comment="highest day strain of finished days, 0 to 21"
        ),
        sa.Column("strain_best_day", sa.Date(), nullable=True, comment="the first day that had it"),
        sa.Column("kilojoule_sum", sa.Double(), nullable=True, comment="energy of finished days, kilojoules"),
        sa.Column("workout_count", sa.Integer(), nullable=True, comment="workouts and other activities"),
        sa.Column("workout_minutes", sa.Double(), nullable=True, comment="their total time, minutes"),
        sa.Column("workout_kilojoule", sa.Double(), nullable=True, comment="their energy, kilojoules"),
        sa.Column("distance_meter", sa.Double(), nullable=True, comment="their distance, metres"),
        sa.Column("nap_minutes", sa.Double(), nullable=True, comment="time asleep in naps, minutes"),
        sa.Column(
            "zone_zero_minutes", sa.Double(), nullable=True, comment="time in heart rate zone zero, minutes"
        ),
        sa.Column(
            "zone_one_minutes", sa.Double(), nullable=True, comment="time in heart rate zone one, minutes"
        ),
        sa.Column(
            "zone_two_minutes", sa.Double(), nullable=True, comment="time in heart rate zone two, minutes"
        ),
        sa.Column(
            "zone_three_minutes", sa.Double(), nullable=True, comment="time in heart rate zone three, minutes"
        ),
        sa.Column(
            "zone_four_minutes", sa.Double(), nullable=True, comment="time in heart rate zone four, minutes"
        ),
        sa.Column(
            "zone_five_minutes", sa.Double(), nullable=True, comment="time in heart rate zone five, minutes"
        ),
        sa.Column("built_at", types.UtcDateTime(), nullable=False, comment="when this row last changed"),
        sa.PrimaryKeyConstraint("user_id", "week_start"),
        comment="One row per member and ISO week that has a daily summary.",
    )
    dialect = op.get_bind().dialect.name
    for ledger, day in (("stale_trends", "day"), ("stale_weeks", MONDAY[dialect])):
        op.execute(BEHIND.format(ledger=ledger, day=day, now=NOW[dialect]))


def downgrade() -> None:
    op.drop_table("weekly_summary")
    op.drop_table("trends")
    op.drop_table("stale_weeks")
    op.drop_table("stale_trends")
