"""Which sleep the recovery of an exported cycle is of, which cycle a sleep belongs to, and dismissed quarantine entries.

The rows that were imported before are corrected from their payload: a recovery of a nap no longer counts for its day.

Revision ID: 0012
Revises: 0011
"""

import json
import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from whoop_assets.db import types

revision = "0012"
down_revision = "0011"

COMMENTS = {
    ("imported_cycles", "recovery_score"): "percent, 0 to 100, of the recovery from that sleep",
    ("imported_sleeps", "day"): "WHOOP day of the cycle it belongs to",
    (
        "quarantine",
        "resolved_at",
    ): "when a valid record of that key was stored, or it was dismissed; NULL while open",
    ("export_quarantine", "resolved_at"): (
        "when a later import of the file no longer held it, or it was dismissed; NULL while open"
    ),
}
LATE = timedelta(hours=3)
"""A sleep that begins so long after its cycle, and that no sleeps.csv listed, is a nap."""

_cycles = sa.table(
    "imported_cycles",
    sa.column("user_id", sa.BigInteger()),
    sa.column("start_time", types.UtcDateTime()),
    sa.column("timezone_offset", sa.String()),
    sa.column("day", sa.Date()),
    sa.column("payload", types.JsonText()),
    sa.column("sleep_start_time", types.UtcDateTime()),
)
_sleeps = sa.table(
    "imported_sleeps",
    sa.column("user_id", sa.BigInteger()),
    sa.column("start_time", types.UtcDateTime()),
    sa.column("nap", sa.Boolean()),
    sa.column("cycle_start_time", types.UtcDateTime()),
    sa.column("assigned_cycle_start_time", types.UtcDateTime()),
    sa.column("day", sa.Date()),
    sa.column("imported_at", types.UtcDateTime()),
    sa.column("payload", types.JsonText()),
)
_stale = sa.table(
    "stale_days",
    sa.column("user_id", sa.BigInteger()),
    sa.column("day", sa.Date()),
    sa.column("generation", sa.BigInteger()),
    sa.column("changed_at", types.UtcDateTime()),
)


def upgrade() -> None:
    for table in ("quarantine", "export_quarantine"):
        _add(table, "dismissed_at", "when somebody dismissed it: it stays closed if it comes again")
    _add(
        "imported_cycles",
        "sleep_start_time",
        "onset of the sleep whose recovery this row has, UTC; it may be a nap; NULL: the row names no sleep",
    )
    _add(
        "imported_sleeps",
        "assigned_cycle_start_time",
        "start of the cycle it belongs to, UTC; NULL: the one it is listed under",
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for (table, column), says in COMMENTS.items():
            op.alter_column(table, column, comment=says)
        op.create_table_comment(
            "imported_cycles",
            "Cycles of the app's own export, each with the recovery from the sleep that its row names.",
        )
    _correct(connection)


def _add(table: str, column: str, comment: str) -> None:
    op.add_column(table, sa.Column(column, types.UtcDateTime(), nullable=True, comment=comment))


def _correct(connection: sa.Connection) -> None:
    """Name the sleep of each cycle, and give each sleep what the named onsets say of it."""
    named: dict[tuple[int, datetime], tuple[datetime, date]] = {}
    onsets = []
    for row in connection.execute(sa.select(_cycles)):
        onset = _onset(row.payload, row.timezone_offset)
        if onset is not None:
            named[row.user_id, onset] = (row.start_time, row.day)
            onsets.append({"u": row.user_id, "s": row.start_time, "onset": onset})
    if onsets:
        where = (_cycles.c.user_id == sa.bindparam("u"), _cycles.c.start_time == sa.bindparam("s"))
        connection.execute(
            sa.update(_cycles).where(*where).values(sleep_start_time=sa.bindparam("onset")), onsets
        )
    sleeps = connection.execute(sa.select(_sleeps)).all()
    naps = {(row.user_id, row.start_time) for row in sleeps if row.nap}
    touched: dict[tuple[int, date], datetime] = {}
    for row in sleeps:
        key = (row.user_id, row.start_time)
        c = _sleeps.c
        this_row = (c.user_id == row.user_id, c.start_time == row.start_time, c.nap == row.nap)
        cycle_start, day = named.get(key, (row.cycle_start_time, row.day))
        values: dict[str, Any] = {}
        if cycle_start != row.cycle_start_time:
            values = {"assigned_cycle_start_time": cycle_start, "day": day}
        if not row.nap and key in naps:
            # The row of a cycle made a night of a sleep that sleeps.csv lists as a nap.
            connection.execute(sa.delete(_sleeps).where(*this_row))
        elif (
            not row.nap and key in named and row.start_time - cycle_start > LATE and not _listed(row.payload)
        ):
            values["nap"] = True
            connection.execute(sa.update(_sleeps).where(*this_row).values(values))
        elif values:
            connection.execute(sa.update(_sleeps).where(*this_row).values(values))
        elif not (row.nap and key in named):
            continue
        touched |= dict.fromkeys([(row.user_id, row.day), (row.user_id, day)], row.imported_at)
    _mark(connection, touched)


def _listed(payload: str) -> bool:
    """Whether the row is of sleeps.csv, which says of each sleep whether it is a nap."""
    said = json.loads(payload) if isinstance(payload, str) else payload
    return bool(said.get("nap"))


def _onset(payload: str, offset: str) -> datetime | None:
    """The onset of the sleep that an exported row of a cycle names."""
    said = json.loads(payload) if isinstance(payload, str) else payload
    text = str(said.get("sleeponset") or "").strip()[:19]
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    if offset == "Z":
        return local
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return local + size if offset[0] == "-" else local - size


def _mark(connection: sa.Connection, days: dict[tuple[int, date], datetime]) -> None:
    """Mark the summaries of these days stale."""
    for (user_id, day), at in sorted(days.items()):
        where = (_stale.c.user_id == user_id, _stale.c.day == day)
        values = {"generation": secrets.randbits(62), "changed_at": at}
        if not connection.execute(sa.update(_stale).where(*where).values(values)).rowcount:
            connection.execute(sa.insert(_stale).values(user_id=user_id, day=day, **values))
