"""How many records WHOOP's pages held of a span that was read completely, so that a lost row can be told.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "coverage",
        sa.Column(
            "records",
            sa.Integer(),
            nullable=True,
            comment="records that start in the span and that WHOOP's pages held then; NULL: not known",
        ),
    )
    op.add_column(
        "coverage",
        sa.Column(
            "counted_at",
            types.UtcDateTime(),
            nullable=True,
            comment="when that reading was committed; NULL: the number is not known",
        ),
    )
