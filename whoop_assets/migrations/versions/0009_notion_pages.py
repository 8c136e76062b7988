"""Which Notion page each day has, and how things are with the data source.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "notion_pages",
        sa.Column(
            "data_source_id", sa.String(36), nullable=False, comment="id of the Notion data source (UUID)"
        ),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="WHOOP user id"),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day"),
        sa.Column(
            "page_id",
            sa.String(36),
            nullable=True,
            comment="id of the day's page (UUID); while creating or wanted: of the page that is given up, if any",
        ),
        sa.Column(
            "state",
            sa.String(16),
            nullable=False,
            comment="written, creating (about to be created, or it was when a process ended), in_bin, gone (deleted"
            " for good, or moved elsewhere), wanted (a page is to be made although one is in the bin or gone) or refused (none is"
            " known, as Notion refused it)",
        ),
        sa.Column(
            "state_at", types.UtcDateTime(), nullable=False, comment="when this state, or this attempt, began"
        ),
        sa.Column("generation", sa.BigInteger(), nullable=False, comment="a number that every change renews"),
        sa.Column(
            "content_hash",
            sa.String(64),
            nullable=True,
            comment="SHA-256 of the values that were written; NULL: not known",
        ),
        sa.Column(
            "mapping_hash", sa.String(64), nullable=True, comment="SHA-256 of the mapping that gave them"
        ),
        sa.Column(
            "summary_built_at",
            types.UtcDateTime(),
            nullable=True,
            comment="built_at of the daily summary that they are of; NULL: of none, or not known",
        ),
        sa.Column("written_at", types.UtcDateTime(), nullable=True, comment="when the page was last written"),
        sa.Column(
            "failure",
            sa.Text(),
            nullable=True,
            comment="why Notion refused the last attempt; NULL: it did not",
        ),
        sa.PrimaryKeyConstraint("data_source_id", "user_id", "day"),
        comment="Ledger: the Notion page of each member and day.",
    )
    op.create_table(
        "notion_sources",
        sa.Column(
            "data_source_id", sa.String(36), nullable=False, comment="id of the Notion data source (UUID)"
        ),
        sa.Column(
            "next_request_at",
            types.UtcDateTime(),
            nullable=False,
            comment="no request may be sent before this time",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="attempts in a row that came to nothing"),
        sa.Column(
            "failure",
            sa.Text(),
            nullable=True,
            comment="why the last of them did; NULL: the last attempt did what it was to",
        ),
        sa.Column(
            "try_after",
            types.UtcDateTime(),
            nullable=True,
            comment="the next attempt is not made before this time",
        ),
        sa.PrimaryKeyConstraint("data_source_id"),
        comment="One row per Notion data source: its pace, shared by all processes, and what is in the way.",
    )


def downgrade() -> None:
    op.drop_table("notion_sources")
    op.drop_table("notion_pages")
