"""What WHOOP announced by webhook, and the links through which members connect at the HTTP service.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "webhook_events",
        sa.Column(
            "trace_id",
            sa.String(length=160),
            autoincrement=False,
            nullable=False,
            comment="WHOOP's name of the event: what comes twice under it is one event",
        ),
        sa.Column("user_id", sa.BigInteger(), nullable=False, comment="WHOOP user id"),
        sa.Column(
            "event_type",
            sa.String(length=64),
            nullable=False,
            comment="workout.updated, sleep.deleted, ... as WHOOP sent it",
        ),
        sa.Column(
            "record_id",
            sa.String(length=128),
            nullable=True,
            comment="id of the record (of a recovery: its sleep's); NULL: none was sent",
        ),
        sa.Column(
            "stream",
            sa.String(length=16),
            nullable=True,
            comment="sleeps, recoveries or workouts; NULL for an event that names no such record",
        ),
        sa.Column(
            "payload",
            types.JsonText(),
            nullable=False,
            comment="the event as WHOOP sent it, unknown fields included",
        ),
        sa.Column("sent_at", types.UtcDateTime(), nullable=False, comment="the time in WHOOP's signature"),
        sa.Column(
            "received_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when it was stored, and then answered",
        ),
        sa.Column("state", sa.String(length=8), nullable=False, comment="open, parked or done"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is parked"),
        sa.Column(
            "open_since",
            types.UtcDateTime(),
            nullable=False,
            comment="a request sent after this closes it: receipt, or the last replay",
        ),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            comment="attempts to load what it announces, since then",
        ),
        sa.Column(
            "next_attempt_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when the next attempt is due; NULL unless open",
        ),
        sa.Column(
            "begun_by",
            sa.String(64),
            nullable=True,
            comment="who makes the attempt that is under way; NULL: none is",
        ),
        sa.Column(
            "last_error",
            sa.Text(),
            nullable=True,
            comment="what the last failed attempt came to, in one sentence",
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=True,
            comment="WHOOP day under which it is loaded; NULL: not filed yet",
        ),
        sa.Column(
            "closed_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when a load committed what it announced",
        ),
        sa.Column(
            "closed_by", sa.String(length=64), nullable=True, comment="that load: a Dagster run, a command"
        ),
        sa.PrimaryKeyConstraint("trace_id"),
        comment="Ledger: what WHOOP announced, and whether the announced change is committed.",
    )
    op.create_index("ix_webhook_events_due", "webhook_events", ["state", "next_attempt_at"])
    op.create_index("ix_webhook_events_record", "webhook_events", ["user_id", "stream", "record_id"])
    op.create_index("ix_webhook_events_received_at", "webhook_events", ["received_at"])
    op.create_table(
        "invitations",
        sa.Column(
            "link_hash",
            sa.String(length=64),
            autoincrement=False,
            nullable=False,
            comment="SHA-256 of the secret in the link",
        ),
        sa.Column("made_at", types.UtcDateTime(), nullable=False, comment="when it was made"),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False, comment="when it ends"),
        sa.Column(
            "state_hash",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of the state of the attempt under way; NULL: none",
        ),
        sa.Column("state_expires_at", types.UtcDateTime(), nullable=True, comment="when that attempt ends"),
        sa.Column(
            "used_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when an attempt to connect through it was finished; NULL: it is good",
        ),
        sa.PrimaryKeyConstraint("link_hash"),
        comment="Links through which one member each can connect at the HTTP service.",
    )
    op.create_index("ix_invitations_state_hash", "invitations", ["state_hash"], unique=True)


def downgrade() -> None:
    op.drop_table("invitations")
    op.drop_table("webhook_events")
