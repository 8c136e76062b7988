"""Operations on members that concern tables of several packages.

Add, erase, undo a connect, and sum up stored data.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from whoop_assets.app_export.tables import export_only_ids, imported_cycles
from whoop_assets.db.columns import metadata
from whoop_assets.db.statements import insert_or_ignore, insert_or_replace
from whoop_assets.members.store import EXPORT_ONLY
from whoop_assets.members.tables import members
from whoop_assets.records.tables import RECORD_TABLES
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.tables import tokens


@dataclass(frozen=True, slots=True)
class StoredData:
    """How much is stored of a member.

    Attributes:
        first_day: First WHOOP day with a cycle; None without cycles.
        last_day: Last WHOOP day with a cycle.
        cycles: Number of cycles from the API.
        imported: Number of cycles that only an export contains.
    """

    first_day: date | None
    last_day: date | None
    cycles: int
    imported: int = 0


@dataclass(frozen=True, slots=True)
class MemberBackup:
    """The rows of a member and of the tokens before a connect; None if there was none."""

    member: dict[str, Any] | None = field(repr=False)
    tokens: dict[str, Any] | None = field(repr=False)


def back_up(connection: Connection, user_id: int) -> MemberBackup:
    """Return the rows that a connect is about to replace."""

    def row(table: Table) -> dict[str, Any] | None:
        found = connection.execute(select(table).where(table.c.user_id == user_id)).mappings().first()
        return None if found is None else dict(found)

    return MemberBackup(row(members), row(tokens))


def restore(connection: Connection, user_id: int, backup: MemberBackup) -> None:
    """Undo a connect. Erases a member that did not exist before."""
    if backup.member is None:
        erase_member(connection, user_id)
        return
    insert_or_replace(connection, members, [backup.member], keep=set())
    if backup.tokens is None:
        token_store.forget(connection, user_id)
        return
    # The fence of the later pair stays, so that no lease on the earlier pair is valid.
    insert_or_replace(connection, tokens, [backup.tokens], keep={"fence"})


def add_export_only(connection: Connection, at: datetime) -> int:
    """Add a member who is not connected, for the data of an export.

    Ids of WHOOP are positive; these are negative. An id is never reused, also after the member was erased,
    because data under it may exist elsewhere, for example in Notion.

    Args:
        connection: A transaction that holds the lock of `members.store.NEWCOMERS`.
        at: Time of the import.

    Returns:
        The new member's id.
    """
    lowest = [
        connection.scalar(select(func.min(column)))
        for column in (members.c.user_id, export_only_ids.c.given_id)
    ]
    user_id = min(found or 0 for found in [0, *lowest]) - 1
    connection.execute(insert(export_only_ids), [{"given_id": user_id, "given_at": at}])
    row = {"user_id": user_id, "status": EXPORT_ONLY, "status_reason": None, "scopes": "", "connected_at": at}
    connection.execute(insert(members), [row])
    return user_id


def erase_member(connection: Connection, user_id: int) -> int:
    """Delete all rows of the member in all tables. Returns their number.

    The id of a member from an export stays in `export_only_ids`, so that it is not reused.
    """
    if user_id < 0:
        connected_at = connection.scalar(select(members.c.connected_at).where(members.c.user_id == user_id))
        if connected_at is not None:
            insert_or_ignore(connection, export_only_ids, [{"given_id": user_id, "given_at": connected_at}])
    return sum(
        connection.execute(delete(table).where(table.c.user_id == user_id)).rowcount
        for table in metadata.sorted_tables
        if "user_id" in table.c
    )


def stored_data(connection: Connection, user_id: int) -> StoredData:
    """Return how much is stored of the member."""
    found = []
    cycles = RECORD_TABLES["cycles"]
    for c, hidden in ((cycles.c, cycles.c.deleted_at), (imported_cycles.c, imported_cycles.c.matched_id)):
        query = select(func.min(c.day), func.max(c.day), func.count())
        found.append(connection.execute(query.where(c.user_id == user_id, hidden.is_(None))).one())
    (first, last, count), (first_imported, last_imported, imported) = found
    return StoredData(
        min((day for day in (first, first_imported) if day is not None), default=None),
        max((day for day in (last, last_imported) if day is not None), default=None),
        count,
        imported,
    )
