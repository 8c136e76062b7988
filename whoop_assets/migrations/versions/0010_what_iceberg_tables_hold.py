"""What Iceberg tables hold of each day, and an index of the contents that came from reading one record by its URL.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0010"
down_revision = "0009"

FROM_SINGLE_READS = (
    "endpoint NOT IN ('/v2/cycle', '/v2/recovery', '/v2/activity/sleep', '/v2/activity/workout')"
)


def upgrade() -> None:
    op.create_table(
        "iceberg_days",
        sa.Column(
            "table_name",
            sa.String(64),
            nullable=False,
            comment="Iceberg table, without catalog and namespace",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="WHOOP day: a partition of it"),
        sa.Column(
            "mark",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of what tells these rows from others; empty: the day has no rows; ?: not known",
        ),
        sa.Column("rows", sa.Integer(), nullable=False, comment="rows that were written for the day"),
        sa.Column("table_uuid", sa.String(36), nullable=False, comment="the Iceberg table's own UUID"),
        sa.Column(
            "sequence_number",
            sa.BigInteger(),
            nullable=False,
            comment="Iceberg's number of the commit that wrote the day",
        ),
        sa.Column(
            "committed_at",
            types.UtcDateTime(),
            nullable=False,
            comment="when this was known to be committed",
        ),
        sa.PrimaryKeyConstraint("table_name", "day"),
        comment="Ledger: which state of each day the Iceberg tables hold; a day that differs from the records is behind.",
    )
    # Partial: contents that came with a page, which are nearly all, cost nothing for it.
    op.create_index(
        "ix_record_versions_single",
        "record_versions",
        ["stream", "record_key"],
        unique=False,
        sqlite_where=sa.text(FROM_SINGLE_READS),
        postgresql_where=sa.text(FROM_SINGLE_READS),
    )
