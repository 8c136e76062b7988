"""Table that maps WHOOP v1 ids to v2 ids."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import UtcDateTime

v1_ids = Table(
    "v1_ids",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    Column("kind", String(8), primary_key=True, autoincrement=False, comment="sleep, workout or recovery"),
    Column(
        "v1_id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="its id in WHOOP's v1; of a recovery its cycle's, which v1 named it by",
    ),
    Column(
        "sleep_v1_id", BigInteger, comment="of a recovery: the v1 id of its sleep, where the old store has it"
    ),
    Column("start_time", UtcDateTime(), comment="start, UTC, as the old store has it"),
    Column("end_time", UtcDateTime(), comment="end, UTC, as the old store has it"),
    Column(
        "source", Text, nullable=False, comment="where it was taken from: a file, a table, webhook events"
    ),
    Column("taken_at", UtcDateTime(), nullable=False, comment="when it was taken in"),
    Column("state", String(8), nullable=False, comment="open, mapped or unmapped"),
    Column("way", String(10), comment="how it was mapped: v1_id, cycle_id, mapping or start_time"),
    Column("v2_id", String(36), comment="the id of the record in v2 (UUID; of a recovery its sleep's)"),
    Column(
        "status", Integer, comment="what WHOOP answered when it was asked: 200 or 404; NULL: no answer yet"
    ),
    Column("answer", String(36), comment="the v2 id in that answer"),
    Column("asked_at", UtcDateTime(), comment="when WHOOP was asked"),
    Column("decided_at", UtcDateTime(), comment="when it was mapped, or found that it cannot be"),
    Column("reason", Text, comment="why it is unmapped, or still open"),
    comment="Log: each v1 id that was taken in, and how it was mapped to a record of v2.",
)

Index("ix_v1_ids_state", v1_ids.c.state, v1_ids.c.user_id)
