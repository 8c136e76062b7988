"""The tables of what the app's own export says, and of the journal. They share the metadata of `tables`."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Index, Integer, String, Table, Text

from whoop_assets.warehouse.tables import metadata
from whoop_assets.warehouse.types import Id, JsonText, UtcDateTime


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


def _imported(
    name: str, *own: "Column[Any]", comment: str, day: str = "WHOOP day of the cycle it is listed under"
) -> Table:
    table = Table(
        name,
        metadata,
        _key("user_id", BigInteger, "member: WHOOP user id, or a negative number of our own"),
        *own,
        _column("timezone_offset", String(6), "the cycle's offset, as the API writes it", nullable=False),
        _column("day", Date, day, nullable=False),
        _column("payload", JsonText(), "the row as exported: plain heading -> cell", nullable=False),
        _column("content_hash", String(64), "SHA-256 of the payload", nullable=False),
        _column("first_seen_at", UtcDateTime(), "when it was first imported", nullable=False),
        _column("changed_at", UtcDateTime(), "when its content last changed", nullable=False),
        _column("imported_at", UtcDateTime(), "when an export last held it", nullable=False),
        comment=comment,
    )
    Index(f"ix_{name}_user_day", table.c.user_id, table.c.day)
    return table


imported_cycles = _imported(
    "imported_cycles",
    _key("start_time", UtcDateTime(), "start, UTC, whole seconds"),
    _column("end_time", UtcDateTime(), "end, UTC; NULL while open"),
    _measure("strain", "day strain, 0 to 21"),
    _measure("kilojoule", "energy, kilojoules; exported as whole kilocalories"),
    _count("average_heart_rate", "beats per minute"),
    _count("max_heart_rate", "beats per minute"),
    _column(
        "sleep_start_time",
        UtcDateTime(),
        "onset of the sleep whose recovery this row has, UTC; it may be a nap; NULL: the row names no sleep",
    ),
    _measure("recovery_score", "percent, 0 to 100, of the recovery from that sleep"),
    _measure("resting_heart_rate", "beats per minute"),
    _measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
    _measure("spo2_percentage", "blood oxygen, percent"),
    _measure("skin_temp_celsius", "skin temperature, degrees Celsius"),
    _column("matched_id", BigInteger, "WHOOP cycle id of the same cycle in `cycles`; NULL: none is there"),
    comment="Cycles of the app's own export, each with the recovery from the sleep that its row names.",
)

imported_sleeps = _imported(
    "imported_sleeps",
    _key("start_time", UtcDateTime(), "start, UTC, whole seconds"),
    _key("nap", Boolean, "true for a nap"),
    _column("end_time", UtcDateTime(), "end, UTC", nullable=False),
    _column("cycle_start_time", UtcDateTime(), "start of the cycle it is listed under, UTC", nullable=False),
    _column(
        "assigned_cycle_start_time",
        UtcDateTime(),
        "start of the cycle it belongs to, UTC; NULL: the one it is listed under",
    ),
    _milli("asleep_milli", "time asleep"),
    _milli("total_in_bed_time_milli", "time in bed"),
    _milli("total_awake_time_milli", "time awake in bed"),
    _milli("total_light_sleep_time_milli", "light sleep"),
    _milli("total_slow_wave_sleep_time_milli", "slow wave (deep) sleep"),
    _milli("total_rem_sleep_time_milli", "REM sleep"),
    _milli("sleep_needed_milli", "sleep need, the sum of its parts"),
    _milli("need_from_sleep_debt_milli", "sleep need from sleep debt"),
    _measure("respiratory_rate", "breaths per minute"),
    _measure("sleep_performance_percentage", "percent, 0 to 100"),
    _measure("sleep_consistency_percentage", "percent, 0 to 100"),
    _measure("sleep_efficiency_percentage", "percent, 0 to 100"),
    _column("matched_id", String(36), "WHOOP sleep id of the same sleep in `sleeps`; NULL: none is there"),
    comment="Sleeps and naps of the app's own export.",
    day="WHOOP day of the cycle it belongs to",
)

imported_workouts = _imported(
    "imported_workouts",
    _key("start_time", UtcDateTime(), "start, UTC, whole seconds"),
    _key("activity_name", String(128), "activity as the app calls it"),
    _column("sport_name", String(128), "the same as the API's slug", nullable=False),
    _column("end_time", UtcDateTime(), "end, UTC", nullable=False),
    _column("cycle_start_time", UtcDateTime(), "start of the cycle it is listed under, UTC", nullable=False),
    _measure("strain", "workout strain, 0 to 21"),
    _measure("kilojoule", "energy, kilojoules; exported as whole kilocalories"),
    _count("average_heart_rate", "beats per minute"),
    _count("max_heart_rate", "beats per minute"),
    *(_milli(f"zone_{zone}_milli", f"time in heart rate zone {zone}") for zone in ("one", "two", "three")),
    *(_milli(f"zone_{zone}_milli", f"time in heart rate zone {zone}") for zone in ("four", "five")),
    _column("gps_enabled", Boolean, "whether it was recorded with GPS"),
    _measure("distance_meter", "distance, metres"),
    _measure("altitude_gain_meter", "climb, metres"),
    _measure("altitude_change_meter", "net change of altitude, metres"),
    _column(
        "matched_id", String(36), "WHOOP workout id of the same workout in `workouts`; NULL: none is there"
    ),
    comment="Workouts and other activities of the app's own export.",
)

imported_journal = _imported(
    "imported_journal",
    _key("cycle_start_time", UtcDateTime(), "start of the cycle in which it was answered, UTC"),
    _key("question", Text, "the question, as the app asks it"),
    _column("answered_yes", Boolean, "the answer", nullable=False),
    _column("notes", Text, "what the member wrote beside it"),
    comment="Answers of the journal, from the app's own export.",
)

IMPORTED_TABLES = {
    "cycles": imported_cycles,
    "sleeps": imported_sleeps,
    "workouts": imported_workouts,
    "journal": imported_journal,
}
"""What is in an export -> the table that keeps it."""

imports = Table(
    "imports",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    _column("user_id", BigInteger, "member: WHOOP user id, or a negative number of our own", nullable=False),
    _column("kind", String(16), "cycles, sleeps, workouts or journal", nullable=False),
    _column("first_time", UtcDateTime(), "start of the earliest record of that kind in it", nullable=False),
    _column("last_time", UtcDateTime(), "start of the latest", nullable=False),
    _column("as_of", UtcDateTime(), "start of the newest cycle that the export names", nullable=False),
    _column("imported_at", UtcDateTime(), "when it was imported", nullable=False),
    comment="Ledger: which span of which kind of record an import held, and how new the export was.",
)
Index("ix_imports_user", imports.c.user_id, imports.c.kind)

export_quarantine = Table(
    "export_quarantine",
    metadata,
    _key("user_id", BigInteger, "member: WHOOP user id, or a negative number of our own"),
    _key("file", String(32), "file of the export"),
    _key("content_hash", String(64), "SHA-256 of the row"),
    _column("line", Integer, "line of the file, the heading being line 1", nullable=False),
    _column("reason", Text, "why it was not taken", nullable=False),
    _column("row_text", Text, "the row as exported", nullable=False),
    _column("first_seen_at", UtcDateTime(), "when it first came", nullable=False),
    _column("last_seen_at", UtcDateTime(), "when it last came", nullable=False),
    _column(
        "resolved_at",
        UtcDateTime(),
        "when a later import of the file no longer held it, or it was dismissed; NULL while open",
    ),
    _column("dismissed_at", UtcDateTime(), "when somebody dismissed it: it stays closed if it comes again"),
    comment="Rows of an export that were not understood, kept for a human to look at.",
)

export_only_ids = Table(
    "export_only_ids",
    metadata,
    _key("given_id", BigInteger, "a negative number that a member from an export alone has, or had"),
    _column("given_at", UtcDateTime(), "when it was given", nullable=False),
    comment="Every id ever given to a member from an export alone. Erasing the member leaves it: it is not given again.",
)

journal = Table(
    "journal",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("day", Date, "WHOOP day on whose morning it was answered"),
    _key("question", Text, "the question, as the app asks it"),
    _column("answered_yes", Boolean, "whether it was so on the day before", nullable=False),
    _column("notes", Text, "what the member wrote beside it"),
    _column(
        "cycle_start_time", UtcDateTime(), "start of the cycle in which it was answered, UTC", nullable=False
    ),
    _measure("recovery_score", "percent, 0 to 100, of the recovery of that morning"),
    _measure("hrv_rmssd_milli", "heart rate variability (RMSSD) of that night, milliseconds"),
    _column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member, WHOOP day and question of the journal, beside the recovery that followed.",
)


journal_effects = Table(
    "journal_effects",
    metadata,
    _key("user_id", BigInteger, "WHOOP user id"),
    _key("question", Text, "the question, as the app asks it"),
    _key(
        "outcome",
        String(32),
        "column of daily_summary: recovery_score, hrv_rmssd_milli, resting_heart_rate, sleep_duration_minutes",
    ),
    _key("lag_days", Integer, "0: the night after what was asked about; 1: the night after that"),
    _count("answered_yes_days", "days answered yes"),
    _count("answered_no_days", "days answered no"),
    _column("first_day", Date, "first WHOOP day with an answer"),
    _column("last_day", Date, "last WHOOP day with an answer"),
    _count("days_with", "days answered yes that have the outcome and 14 of the 28 days before it"),
    _count("days_without", "days answered no that have the same"),
    _measure("mean_with", "mean outcome on days_with, in the outcome's unit; geometric for HRV"),
    _measure("mean_without", "mean outcome on days_without, in the outcome's unit; geometric for HRV"),
    _measure("difference", "effect of yes against no, in difference_unit"),
    _measure("difference_low", "95% confidence interval of the difference, from, in difference_unit"),
    _measure("difference_high", "95% confidence interval of the difference, to, in difference_unit"),
    _column("difference_unit", String(8), "points, percent, bpm or minutes", nullable=False),
    _measure("hedges_g", "difference in standard deviations of a day, Hedges' g"),
    _measure("p_value", "probability of such a difference by chance, 0 to 1"),
    _measure("q_value", "p_value corrected for all tests of the member (Benjamini-Hochberg), 0 to 1"),
    _column("verdict", String(16), "strong, weak or cannot tell", nullable=False),
    _column("missing", Text, "why there is no difference; NULL when there is one"),
    _column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member, question, outcome and lag: the days with a habit against those without.",
)
