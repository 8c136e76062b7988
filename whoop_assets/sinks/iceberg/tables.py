"""Ledger of the days that Iceberg tables contain."""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table

from whoop_assets.db.columns import metadata
from whoop_assets.db.types import UtcDateTime

iceberg_days = Table(
    "iceberg_days",
    metadata,
    Column(
        "table_name", String(64), primary_key=True, comment="Iceberg table, without catalog and namespace"
    ),
    Column("day", Date, primary_key=True, comment="WHOOP day: a partition of the table"),
    Column(
        "mark",
        String(64),
        nullable=False,
        comment="checksum of the rows; empty: the day has no rows; ?: unknown",
    ),
    Column("rows", Integer, nullable=False, comment="number of rows of the day"),
    Column("table_uuid", String(36), nullable=False, comment="UUID of the Iceberg table"),
    Column(
        "sequence_number",
        BigInteger,
        nullable=False,
        comment="Iceberg sequence number of the commit that wrote the day",
    ),
    Column("committed_at", UtcDateTime(), nullable=False, comment="time of the entry, after the commit"),
    comment="Ledger: committed state of each day of the Iceberg tables. Days with other checksums are stale.",
)
