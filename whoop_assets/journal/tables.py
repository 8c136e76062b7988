"""Tables of the journal and its effects."""

from sqlalchemy import BigInteger, Boolean, Date, Integer, String, Table, Text

from whoop_assets.db.columns import column, count, key, measure
from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import UtcDateTime

journal = Table(
    "journal",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("day", Date, "WHOOP day on whose morning it was answered"),
    key("question", Text, "the question, as the app asks it"),
    column("answered_yes", Boolean, "whether it was so on the day before", nullable=False),
    column("notes", Text, "what the member wrote beside it"),
    column(
        "cycle_start_time", UtcDateTime(), "start of the cycle in which it was answered, UTC", nullable=False
    ),
    measure("recovery_score", "percent, 0 to 100, of the recovery of that morning"),
    measure("hrv_rmssd_milli", "heart rate variability (RMSSD) of that night, milliseconds"),
    column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member, WHOOP day and question of the journal, beside the recovery that followed.",
)

journal_effects = Table(
    "journal_effects",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("question", Text, "the question, as the app asks it"),
    key(
        "outcome",
        String(32),
        "column of daily_summary: recovery_score, hrv_rmssd_milli, resting_heart_rate, sleep_duration_minutes",
    ),
    key("lag_days", Integer, "0: the night after what was asked about; 1: the night after that"),
    count("answered_yes_days", "days answered yes"),
    count("answered_no_days", "days answered no"),
    column("first_day", Date, "first WHOOP day with an answer"),
    column("last_day", Date, "last WHOOP day with an answer"),
    count("days_with", "days answered yes that have the outcome and 14 of the 28 days before it"),
    count("days_without", "days answered no that have the same"),
    measure("mean_with", "mean outcome on days_with, in the outcome's unit; geometric for HRV"),
    measure("mean_without", "mean outcome on days_without, in the outcome's unit; geometric for HRV"),
    measure("difference", "effect of yes against no, in difference_unit"),
    measure("difference_low", "95% confidence interval of the difference, from, in difference_unit"),
    measure("difference_high", "95% confidence interval of the difference, to, in difference_unit"),
    column("difference_unit", String(8), "points, percent, bpm or minutes", nullable=False),
    measure("hedges_g", "difference in standard deviations of a day, Hedges' g"),
    measure("p_value", "probability of such a difference by chance, 0 to 1"),
    measure("q_value", "p_value corrected for all tests of the member (Benjamini-Hochberg), 0 to 1"),
    column("verdict", String(16), "strong, weak or cannot tell", nullable=False),
    column("missing", Text, "why there is no difference; NULL when there is one"),
    column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member, question, outcome and lag: the days with a habit against those without.",
)
