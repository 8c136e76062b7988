"""Ledger of the days that Iceberg tables contain."""

from sqlalchemy import BigInteger, Date, Integer, String, Table, Text

from whoop_assets.db.columns import column, key, metadata
from whoop_assets.db.types import UtcDateTime

iceberg_days = Table(
    "iceberg_days",
    metadata,
    key("namespace", Text, "Iceberg namespace of the table"),
    key("table_name", String(64), "Iceberg table, without catalog and namespace"),
    key("day", Date, "WHOOP day: a partition of the table"),
    column(
        "mark", String(64), "checksum of the rows; empty: the day has no rows; ?: unknown", nullable=False
    ),
    column("rows", Integer, "number of rows of the day", nullable=False),
    column("table_uuid", String(36), "UUID of the Iceberg table", nullable=False),
    column(
        "sequence_number",
        BigInteger,
        "Iceberg sequence number of the commit that wrote the day",
        nullable=False,
    ),
    column("committed_at", UtcDateTime(), "time of the entry, after the commit", nullable=False),
    comment="Ledger: committed state of each day of the Iceberg tables. Days with other checksums are stale.",
)
