"""Table of the readings that opening a day requested."""

from sqlalchemy import BigInteger, Column, Table

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
