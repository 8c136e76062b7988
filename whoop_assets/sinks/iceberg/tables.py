"""Ledger of the days that Iceberg tables hold."""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table

from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import UtcDateTime

iceberg_days = Table(
    "iceberg_days",
    metadata,
    Column(
        "table_name", String(64), primary_key=True, comment="Iceberg table, without catalog and namespace"
    ),
    Column("day", Date, primary_key=True, comment="WHOOP day: a partition of it"),
    Column(
        "mark",
        String(64),
        nullable=False,
        comment="SHA-256 of what tells these rows from others; empty: the day has no rows; ?: not known",
    ),
    Column("rows", Integer, nullable=False, comment="rows that were written for the day"),
    Column("table_uuid", String(36), nullable=False, comment="the Iceberg table's own UUID"),
    Column(
        "sequence_number",
        BigInteger,
        nullable=False,
        comment="Iceberg's number of the commit that wrote the day",
    ),
    Column("committed_at", UtcDateTime(), nullable=False, comment="when this was known to be committed"),
    comment="Ledger: which state of each day the Iceberg tables hold; a day that differs from the records is behind.",
)
