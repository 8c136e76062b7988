"""Table of the readings that opening a day requested."""

from sqlalchemy import BigInteger, Column, Date, Table

from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import UtcDateTime

asked_readings = Table(
    "asked_readings",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    Column(
        "asked_at",
        UtcDateTime(),
        nullable=False,
        comment="when a reader last opened today with an old recovery",
    ),
    comment="Ledger: whose last days somebody waits for. What was read since has answered it.",
)

forced_readings = Table(
    "forced_readings",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    Column("asked_at", UtcDateTime(), nullable=False, comment="when the member last requested it"),
    Column("first_day", Date, nullable=False, comment="first day to read again; the last is today"),
    comment="Ledger: who requested that months are read again. Spans that were read since then are done.",
)
