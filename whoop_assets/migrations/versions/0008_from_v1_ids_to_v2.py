"""The way from WHOOP's v1 ids to those of v2.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "v1_ids",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "kind",
            sa.String(length=8),
            autoincrement=False,
            nullable=False,
            comment="sleep, workout or recovery",
        ),
        sa.Column(
            "v1_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="its id in WHOOP's v1; of a recovery its cycle's, which v1 named it by",
        ),
        sa.Column(
            "sleep_v1_id",
            sa.BigInteger(),
            comment="of a recovery: the v1 id of its sleep, where the old store has it",
        ),
        sa.Column("start_time", types.UtcDateTime(), comment="start, UTC, as the old store has it"),
        sa.Column("end_time", types.UtcDateTime(), comment="end, UTC, as the old store has it"),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="where it was taken from: a file, a table, webhook events",
        ),
        sa.Column("taken_at", types.UtcDateTime(), nullable=False, comment="when it was taken in"),
        sa.Column("state", sa.String(length=8), nullable=False, comment="open, mapped or unmapped"),
        sa.Column(
            "way", sa.String(length=10), comment="how it was mapped: v1_id, cycle_id, mapping or start_time"
        ),
        sa.Column(
            "v2_id",
            sa.String(length=36),
            comment="the id of the record in v2 (UUID; of a recovery its sleep's)",
        ),
        sa.Column(
            "status",
            sa.Integer(),
            comment="what WHOOP answered when it was asked: 200 or 404; NULL: no answer yet",
        ),
        sa.Column("answer", sa.String(length=36), comment="the v2 id in that answer"),
        sa.Column("asked_at", types.UtcDateTime(), comment="when WHOOP was asked"),
        sa.Column(
            "decided_at", types.UtcDateTime(), comment="when it was mapped, or found that it cannot be"
        ),
        sa.Column("reason", sa.Text(), comment="why it is unmapped, or still open"),
        sa.PrimaryKeyConstraint("user_id", "kind", "v1_id"),
        comment="Log: each v1 id that was taken in, and how it was mapped to a record of v2.",
    )
    op.create_index("ix_v1_ids_state", "v1_ids", ["state", "user_id"])


def downgrade() -> None:
    op.drop_table("v1_ids")
