"""The ids that members from an export alone were given, which outlast the members.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    given = op.create_table(
        "export_only_ids",
        sa.Column(
            "given_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="a negative number that a member from an export alone has, or had",
        ),
        sa.Column("given_at", types.UtcDateTime(), nullable=False, comment="when it was given"),
        sa.PrimaryKeyConstraint("given_id"),
        comment="Every id ever given to a member from an export alone. Erasing the member leaves it: it is not given again.",
    )
    members = sa.table("members", sa.column("user_id"), sa.column("connected_at"))
    op.execute(
        given.insert().from_select(
            ["given_id", "given_at"],
            sa.select(members.c.user_id, members.c.connected_at).where(members.c.user_id < 0),
        )
    )
