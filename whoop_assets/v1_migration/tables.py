"""Table that maps WHOOP v1 ids to v2 ids."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from whoop_assets.db.columns import metadata
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
        comment="id in WHOOP's API v1; for a recovery the id of its cycle",
    ),
    Column("start_time", UtcDateTime(), comment="start in the old store, UTC"),
    Column("end_time", UtcDateTime(), comment="end in the old store, UTC"),
    Column("source", Text, nullable=False, comment="source of the id: file, table or webhook events"),
    Column("taken_at", UtcDateTime(), nullable=False, comment="time of the import"),
    Column("state", String(8), nullable=False, comment="open, mapped or unmapped"),
    Column("way", String(10), comment="how the id was mapped: v1_id, cycle_id, mapping or start_time"),
    Column("v2_id", String(36), comment="id of the record in v2 (UUID); for a recovery the id of its sleep"),
    Column("status", Integer, comment="HTTP status of WHOOP's response: 200 or 404; NULL before a response"),
    Column("answer", String(36), comment="v2 id in WHOOP's response"),
    Column("asked_at", UtcDateTime(), comment="time of the last request"),
    Column("decided_at", UtcDateTime(), comment="time at which the id became mapped or unmapped"),
    Column("reason", Text, comment="why the id is unmapped or still open"),
    comment="Log: each imported v1 id and the v2 record that it is mapped to.",
)

Index("ix_v1_ids_state", v1_ids.c.state, v1_ids.c.user_id)
