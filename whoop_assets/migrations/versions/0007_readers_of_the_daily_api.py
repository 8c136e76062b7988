"""Who may read daily rows over HTTP, and which readings were asked for by opening a day.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "readers",
        sa.Column("id", types.Id, nullable=False, comment="number of the reader"),
        sa.Column("label", sa.Text(), nullable=False, comment="what the operator calls the reader"),
        sa.Column("key_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the reader's key"),
        sa.Column(
            "requests_per_minute",
            sa.Integer(),
            nullable=False,
            comment="requests that the reader may send in a minute",
        ),
        sa.Column("made_at", types.UtcDateTime(), nullable=False, comment="when it was made"),
        sa.Column(
            "revoked_at",
            types.UtcDateTime(),
            nullable=True,
            comment="since when the key is not good any more; NULL: it is good",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="Who may read daily rows over HTTP. No key is stored.",
    )
    op.create_index("ix_readers_key_hash", "readers", ["key_hash"], unique=True)
    op.create_table(
        "reader_members",
        sa.Column(
            "reader_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="number of the reader"
        ),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.PrimaryKeyConstraint("reader_id", "user_id"),
        comment="Whose days each reader may read; of nobody else is anything told.",
    )
    op.create_table(
        "asked_readings",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column(
            "asked_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when a reader last opened today with an old recovery",
        ),
        sa.PrimaryKeyConstraint("user_id"),
        comment="Ledger: whose last days somebody waits for. What was read since has answered it.",
    )


def downgrade() -> None:
    for table in ("asked_readings", "reader_members", "readers"):
        op.drop_table(table)
