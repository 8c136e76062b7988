"""Tables of the journal and its effects."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, String, Table, Text

from whoop_assets.db.columns import column, count, derived, key, measure, metadata, sources_of
from whoop_assets.db.types import UtcDateTime

journal = Table(
    "journal",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("day", Date, "WHOOP day; the member answered on its morning"),
    key("question", Text, "the question, as the app asks it"),
    column("answered_yes", Boolean, "the answer, about the day before", nullable=False),
    column("notes", Text, "the member's notes"),
    column("cycle_start_time", UtcDateTime(), "start of the cycle of the answer, UTC", nullable=False),
    derived(
        measure("recovery_score", "recovery of that morning, percent, 0 to 100"),
        "daily_summary.recovery_score",
    ),
    derived(
        measure("hrv_rmssd_milli", "heart rate variability (RMSSD) of that night, milliseconds"),
        "daily_summary.hrv_rmssd_milli",
    ),
    column("built_at", UtcDateTime(), "time of the row's last change, UTC", nullable=False),
    comment="One row per member, WHOOP day and question of the journal, with the recovery that followed.",
)


def _from_comparison(column: "Column[Any]") -> "Column[Any]":
    return derived(
        column,
        "journal.user_id day question answered_yes",
        "daily_summary.day user_calibrating recovery_score hrv_rmssd_milli resting_heart_rate "
        "sleep_duration_minutes",
    )


journal_effects = Table(
    "journal_effects",
    metadata,
    derived(key("user_id", BigInteger, "WHOOP user id"), "journal.user_id"),
    derived(key("question", Text, "the question, as the app asks it"), "journal.question"),
    key(
        "outcome",
        String(32),
        "daily_summary column: recovery_score, hrv_rmssd_milli, resting_heart_rate or sleep_duration_minutes",
    ),
    key("lag_days", Integer, "0: the night after the habit; 1: the next night"),
    derived(count("answered_yes_days", "number of days answered yes"), "journal.answered_yes"),
    derived(count("answered_no_days", "number of days answered no"), "journal.answered_yes"),
    derived(column("first_day", Date, "first WHOOP day with an answer"), "journal.day"),
    derived(column("last_day", Date, "last WHOOP day with an answer"), "journal.day"),
    _from_comparison(
        count("days_with", "days answered yes with the outcome and values on 14 of the 28 days before")
    ),
    _from_comparison(
        count("days_without", "days answered no with the outcome and values on 14 of the 28 days before")
    ),
    _from_comparison(
        measure("mean_with", "mean outcome on days_with, in the outcome's unit; geometric for HRV")
    ),
    _from_comparison(
        measure("mean_without", "mean outcome on days_without, in the outcome's unit; geometric for HRV")
    ),
    _from_comparison(measure("difference", "effect of yes compared with no, in difference_unit")),
    _from_comparison(
        measure("difference_low", "lower end of the 95% confidence interval, in difference_unit")
    ),
    _from_comparison(
        measure("difference_high", "upper end of the 95% confidence interval, in difference_unit")
    ),
    column("difference_unit", String(8), "points, percent, bpm or minutes", nullable=False),
    _from_comparison(measure("hedges_g", "difference in standard deviations of a day (Hedges' g)")),
    _from_comparison(measure("p_value", "probability of such a difference by chance, 0 to 1")),
    _from_comparison(
        measure("q_value", "p_value corrected for all tests of the member (Benjamini-Hochberg), 0 to 1")
    ),
    _from_comparison(column("verdict", String(16), "strong, weak or cannot tell", nullable=False)),
    _from_comparison(column("missing", Text, "reason for a missing difference; NULL if there is one")),
    column("built_at", UtcDateTime(), "time of the row's last change, UTC", nullable=False),
    comment="One row per member, question, outcome and lag: days with a habit compared with days without.",
)

JOURNAL_SOURCES = sources_of(journal)
EFFECT_SOURCES = sources_of(journal_effects)
