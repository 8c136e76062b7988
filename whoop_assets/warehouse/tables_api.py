"""The tables of the daily API: who may read whose days, and which readings were asked for by opening a day."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from whoop_assets.warehouse.tables import metadata
from whoop_assets.warehouse.types import Id, UtcDateTime

readers = Table(
    "readers",
    metadata,
    Column("id", Id, primary_key=True, comment="number of the reader"),
    Column("label", Text, nullable=False, comment="what the operator calls the reader"),
    Column("key_hash", String(64), nullable=False, comment="SHA-256 of the reader's key"),
    Column(
        "requests_per_minute",
        Integer,
        nullable=False,
        comment="requests that the reader may send in a minute",
    ),
    Column("made_at", UtcDateTime(), nullable=False, comment="when it was made"),
    Column("revoked_at", UtcDateTime(), comment="since when the key is not good any more; NULL: it is good"),
    comment="Who may read daily rows over HTTP. No key is stored.",
)
Index("ix_readers_key_hash", readers.c.key_hash, unique=True)

reader_members = Table(
    "reader_members",
    metadata,
    Column("reader_id", BigInteger, primary_key=True, autoincrement=False, comment="number of the reader"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    comment="Whose days each reader may read; of nobody else is anything told.",
)

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
