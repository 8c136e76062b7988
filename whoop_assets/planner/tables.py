"""Table of the reads that readers of the daily API request."""

from sqlalchemy import BigInteger, Column, Date, Table

from whoop_assets.db.columns import metadata
from whoop_assets.db.types import UtcDateTime

asked_readings = Table(
    "asked_readings",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    Column(
        "asked_at",
        UtcDateTime(),
        nullable=False,
        comment="time at which a reader last opened today while its recovery was stale",
    ),
    comment="Ledger: members whose last days a reader requested. A later read fulfils the request.",
)

forced_readings = Table(
    "forced_readings",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    Column("asked_at", UtcDateTime(), nullable=False, comment="when the member last requested it"),
    Column("first_day", Date, nullable=False, comment="first day to read again; the last is today"),
    comment="Ledger: who requested that months are read again. Spans that were read since then are done.",
)
