"""Tables of the app export."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, String, Table, Text

from whoop_assets.db.columns import column, count, key, measure, metadata, milliseconds
from whoop_assets.db.types import Id, JsonText, UtcDateTime


def _imported(
    name: str, *own: "Column[Any]", comment: str, day: str = "WHOOP day of the cycle it is listed under"
) -> Table:
    table = Table(
        name,
        metadata,
        key("user_id", BigInteger, "member: WHOOP user id, or a negative number of our own"),
        *own,
        column("timezone_offset", String(6), "the cycle's offset, as the API writes it", nullable=False),
        column("day", Date, day, nullable=False),
        column("payload", JsonText(), "the row as exported: plain heading -> cell", nullable=False),
        column("content_hash", String(64), "SHA-256 of the payload", nullable=False),
        column("first_seen_at", UtcDateTime(), "time of the first import", nullable=False),
        column("changed_at", UtcDateTime(), "time of the last change of its content", nullable=False),
        column("imported_at", UtcDateTime(), "time of the last import with this row", nullable=False),
        comment=comment,
    )
    Index(f"ix_{name}_user_day", table.c.user_id, table.c.day)
    return table


imported_cycles = _imported(
    "imported_cycles",
    key("start_time", UtcDateTime(), "start, UTC, whole seconds"),
    column("end_time", UtcDateTime(), "end, UTC; NULL while open"),
    measure("strain", "day strain, 0 to 21"),
    measure("kilojoule", "energy, kilojoules; exported as whole kilocalories"),
    count("average_heart_rate", "beats per minute"),
    count("max_heart_rate", "beats per minute"),
    column(
        "sleep_start_time",
        UtcDateTime(),
        "onset of the sleep of this recovery, UTC; may be a nap; NULL: no sleep",
    ),
    measure("recovery_score", "percent, 0 to 100, of the recovery from that sleep"),
    measure("resting_heart_rate", "beats per minute"),
    measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
    measure("spo2_percentage", "blood oxygen, percent"),
    measure("skin_temp_celsius", "skin temperature, degrees Celsius"),
    column("matched_id", BigInteger, "WHOOP cycle id of the same cycle in `cycles`; NULL: no match"),
    comment="Cycles of the app's export, each with the recovery from the sleep in its row.",
)

imported_sleeps = _imported(
    "imported_sleeps",
    key("start_time", UtcDateTime(), "start, UTC, whole seconds"),
    key("nap", Boolean, "true for a nap"),
    column("end_time", UtcDateTime(), "end, UTC", nullable=False),
    column("cycle_start_time", UtcDateTime(), "start of the cycle it is listed under, UTC", nullable=False),
    column(
        "assigned_cycle_start_time",
        UtcDateTime(),
        "start of the cycle it belongs to, UTC; NULL: the one it is listed under",
    ),
    milliseconds("asleep_milli", "time asleep"),
    milliseconds("total_in_bed_time_milli", "time in bed"),
    milliseconds("total_awake_time_milli", "time awake in bed"),
    milliseconds("total_light_sleep_time_milli", "light sleep"),
    milliseconds("total_slow_wave_sleep_time_milli", "slow wave (deep) sleep"),
    milliseconds("total_rem_sleep_time_milli", "REM sleep"),
    milliseconds("sleep_needed_milli", "sleep need, the sum of its parts"),
    milliseconds("need_from_sleep_debt_milli", "sleep need from sleep debt"),
    measure("respiratory_rate", "breaths per minute"),
    measure("sleep_performance_percentage", "percent, 0 to 100"),
    measure("sleep_consistency_percentage", "percent, 0 to 100"),
    measure("sleep_efficiency_percentage", "percent, 0 to 100"),
    column("matched_id", String(36), "WHOOP sleep id of the same sleep in `sleeps`; NULL: no match"),
    comment="Sleeps and naps of the app's export.",
    day="WHOOP day of the cycle it belongs to",
)

imported_workouts = _imported(
    "imported_workouts",
    key("start_time", UtcDateTime(), "start, UTC, whole seconds"),
    key("activity_name", String(128), "activity name in the app"),
    column("sport_name", String(128), "activity name in the API", nullable=False),
    column("end_time", UtcDateTime(), "end, UTC", nullable=False),
    column("cycle_start_time", UtcDateTime(), "start of the cycle it is listed under, UTC", nullable=False),
    measure("strain", "workout strain, 0 to 21"),
    measure("kilojoule", "energy, kilojoules; exported as whole kilocalories"),
    count("average_heart_rate", "beats per minute"),
    count("max_heart_rate", "beats per minute"),
    *(
        milliseconds(f"zone_{zone}_milli", f"time in heart rate zone {zone}")
        for zone in ("one", "two", "three", "four", "five")
    ),
    column("gps_enabled", Boolean, "whether it was recorded with GPS"),
    measure("distance_meter", "distance, metres"),
    measure("altitude_gain_meter", "climb, metres"),
    measure("altitude_change_meter", "net change of altitude, metres"),
    column("matched_id", String(36), "WHOOP workout id of the same workout in `workouts`; NULL: no match"),
    comment="Workouts and other activities of the app's export.",
)

imported_journal = _imported(
    "imported_journal",
    key("cycle_start_time", UtcDateTime(), "start of the cycle in which it was answered, UTC"),
    key("question", Text, "question in the app"),
    column("answered_yes", Boolean, "the answer", nullable=False),
    column("notes", Text, "the member's note"),
    comment="Answers of the journal, from the app's export.",
)

IMPORTED_RECORDS = {"cycles": imported_cycles, "sleeps": imported_sleeps, "workouts": imported_workouts}
"""Stream -> table of its imported records."""

IMPORTED_TABLES = {**IMPORTED_RECORDS, "journal": imported_journal}
"""Kind of imported record -> table."""


def cycle_column(table: Table) -> Any:
    """Return the column with the start of the row's cycle."""
    return table.c.start_time if table is imported_cycles else table.c.cycle_start_time


imports = Table(
    "imports",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    column("user_id", BigInteger, "member: WHOOP user id, or a negative number of our own", nullable=False),
    column("kind", String(16), "cycles, sleeps, workouts or journal", nullable=False),
    column("first_time", UtcDateTime(), "start of the earliest record of that kind", nullable=False),
    column("last_time", UtcDateTime(), "start of the latest", nullable=False),
    column("as_of", UtcDateTime(), "start of the newest cycle that the export names", nullable=False),
    column(
        "incomplete_days",
        Text(),
        "WHOOP days that may lack a record, because a row was rejected: ISO dates, separated by commas; NULL:"
        " any day may",
    ),
    column("imported_at", UtcDateTime(), "when it was imported", nullable=False),
    comment="Ledger: the span of each kind of record in each import, and the newest cycle of the export.",
)

Index("ix_imports_user", imports.c.user_id, imports.c.kind)

export_quarantine = Table(
    "export_quarantine",
    metadata,
    key("user_id", BigInteger, "member: WHOOP user id, or a negative number of our own"),
    key("file", String(32), "file of the export"),
    key("content_hash", String(64), "SHA-256 of the row"),
    column("line", Integer, "line of the file, the heading being line 1", nullable=False),
    column("reason", Text, "reason of the rejection", nullable=False),
    column("row_text", Text, "the row as exported", nullable=False),
    column("first_seen_at", UtcDateTime(), "time of the first import with this row", nullable=False),
    column("last_seen_at", UtcDateTime(), "time of the last import with this row", nullable=False),
    column(
        "resolved_at",
        UtcDateTime(),
        "time at which a later import no longer contained the row, or of the dismissal; NULL while open",
    ),
    column("dismissed_at", UtcDateTime(), "time of the dismissal; later imports do not open it again"),
    comment="Rejected rows of exports, for review.",
)

export_only_ids = Table(
    "export_only_ids",
    metadata,
    key("given_id", BigInteger, "negative id of a member without an API connection"),
    column("given_at", UtcDateTime(), "time of the assignment", nullable=False),
    comment="Ids of members that exist only from an export. Ids of erased members are not reused.",
)
