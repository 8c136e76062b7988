"""Days whose summary may hold a 0 for what is unknown, or lack what an export has, are built anew.

Revision ID: 0014
Revises: 0013
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0014"
down_revision = "0013"

_SOURCE = "api, export: from the app's own export alone, or mixed: an export fills streams of which the API was not read"


def upgrade() -> None:
    with op.batch_alter_table("daily_summary") as table:
        table.alter_column(
            "source",
            existing_type=sa.String(length=8),
            existing_nullable=False,
            existing_server_default=sa.text("'api'"),
            comment=_SOURCE,
        )
    summary = sa.table("daily_summary", *map(sa.column, ("user_id", "day", "nap_count", "workout_count")))
    imports = sa.table("imports", sa.column("user_id"))
    stale = sa.table(
        "stale_days",
        sa.column("user_id", sa.BigInteger()),
        sa.column("day", sa.Date()),
        sa.column("generation", sa.BigInteger()),
        sa.column("changed_at", types.UtcDateTime()),
    )
    marked = sa.exists().where(stale.c.user_id == summary.c.user_id, stale.c.day == summary.c.day)
    now = sa.literal(datetime.now(UTC), types.UtcDateTime())
    doubtful = sa.or_(
        summary.c.nap_count == 0,
        summary.c.workout_count == 0,
        summary.c.user_id.in_(sa.select(imports.c.user_id)),
    )
    op.execute(
        stale.insert().from_select(
            ["user_id", "day", "generation", "changed_at"],
            sa.select(summary.c.user_id, summary.c.day, sa.literal(0), now).where(doubtful, ~marked),
        )
    )
