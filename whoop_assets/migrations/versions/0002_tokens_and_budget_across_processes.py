"""Which key encrypts, who holds a lease, who uses and who waits for requests.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "request_allowances",
        sa.Column(
            "window_seconds",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="length of the window, seconds",
        ),
        sa.Column(
            "remaining", sa.Integer(), nullable=False, comment="requests that WHOOP said were left in it"
        ),
        sa.Column(
            "as_of",
            types.UtcDateTime(),
            nullable=False,
            comment="send time of the request whose answer said so",
        ),
        sa.Column("until", types.UtcDateTime(), nullable=False, comment="when WHOOP's window starts afresh"),
        sa.PrimaryKeyConstraint("window_seconds"),
        comment="What WHOOP says is left, where that is less than our own count: somebody else uses the same app.",
    )
    op.create_table(
        "request_waiters",
        sa.Column("id", types.Id, nullable=False, comment="place in the queue: lower numbers came earlier"),
        sa.Column("lane", sa.String(length=16), nullable=False, comment="webhook, schedule or backfill"),
        sa.Column(
            "used_by",
            sa.String(length=64),
            nullable=True,
            comment="on whose behalf: a Dagster run, a command",
        ),
        sa.Column("since", types.UtcDateTime(), nullable=False, comment="since when it waits"),
        sa.Column(
            "back_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when it will look again; long past that it is dead",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="Who waits for a slot, so that the slots go round in the order in which they were asked for.",
    )
    op.create_table(
        "token_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("key_id", sa.String(length=16), nullable=False, comment="fingerprint of the key"),
        sa.Column(
            "since", types.UtcDateTime(), nullable=False, comment="when it became the one that encrypts"
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="Which key encrypts tokens now, so that processes that began before a rotation use it too.",
    )
    op.add_column(
        "request_gate",
        sa.Column(
            "limited_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when WHOOP last answered 429; NULL: never",
        ),
    )
    op.add_column(
        "request_gate",
        sa.Column(
            "share",
            sa.Double(),
            nullable=True,
            comment="share of the short windows' limits in use after that 429; NULL: all",
        ),
    )
    op.add_column(
        "request_grants",
        sa.Column(
            "used_by",
            sa.String(length=64),
            nullable=True,
            comment="on whose behalf: a Dagster run, a command",
        ),
    )
    op.add_column(
        "tokens",
        sa.Column(
            "lease_holder",
            sa.String(length=128),
            nullable=True,
            comment="host and process of who is refreshing, or stopped in the middle; NULL: nobody",
        ),
    )
    op.add_column(
        "tokens",
        sa.Column(
            "key_id",
            sa.String(length=16),
            nullable=True,
            comment="fingerprint of the key that encrypted the pair; NULL: not known",
        ),
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.create_table_comment(
            "request_gate",
            "Closed by a 429 until WHOOP's stated reset; then it opens gently.",
            existing_comment="Closed by a 429, or an answer with nothing remaining, until WHOOP's stated reset.",
        )


def downgrade() -> None:
    op.drop_table("request_allowances")
    op.drop_table("request_waiters")
    op.drop_table("token_key")
    for table, column in (
        ("tokens", "key_id"),
        ("tokens", "lease_holder"),
        ("request_grants", "used_by"),
        ("request_gate", "share"),
        ("request_gate", "limited_at"),
    ):
        op.drop_column(table, column)
