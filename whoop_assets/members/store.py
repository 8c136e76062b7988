"""Members: who is connected, with which scopes, and what is in the way when they are not."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from whoop_assets.app_export.tables import export_only_ids, imported_cycles
from whoop_assets.db.metadata import metadata
from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import insert_or_ignore, insert_or_replace
from whoop_assets.errors import RECONNECT, UnknownMember
from whoop_assets.members.tables import members
from whoop_assets.records import load_failures
from whoop_assets.records import tables as record_tables
from whoop_assets.records.tables import RECORD_TABLES, SNAPSHOT_TABLES
from whoop_assets.tokens import tables as token_tables

CONNECTED = "connected"
RECONNECTION_NEEDED = "reconnection_needed"
DISCONNECTED = "disconnected"
EXPORT_ONLY = "export_only"
"""Never connected: all that is here of them came from the app's own export. WHOOP is not asked about them."""

NEWCOMERS = 0
"""Nobody's id: who adds members without an id of WHOOP's writes as this member."""

# Why somebody must be connected again. The first two are what WHOOP said, the third is known here alone.
NO_LONGER_ACCEPTED = "WHOOP no longer accepts the refresh token"
REFUSES_EVERYTHING = "WHOOP answers 401 to every stream, also with a token that it has just renewed"
KEY_LOST = "the key that encrypted the tokens is lost"
# Why somebody is disconnected.
LEFT = "disconnected here"
LEFT_WITH_GRANT = "disconnected here; the grant could not be ended at WHOOP"

_HERE = Prepared(select(members.c.user_id).where(members.c.user_id == bindparam("member")))


@dataclass(frozen=True, slots=True)
class Member:
    """One member. Who they are stays out of the repr, so that no log shows it."""

    user_id: int
    status: str
    status_reason: str | None
    scopes: frozenset[str]
    connected_at: datetime


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is stored of a member: first and last WHOOP day with a cycle, and the number of cycles.

    `imported`: how many of an export the API does not give.
    """

    first_day: date | None
    last_day: date | None
    cycles: int
    imported: int = 0


def connect(
    connection: Connection,
    user_id: int,
    scopes: Iterable[str],
    profile: Mapping[str, str | None],
    at: datetime,
) -> None:
    """Enter a member who has just given consent; `profile` holds email, first_name and last_name."""
    row = {
        "user_id": user_id,
        "status": CONNECTED,
        "status_reason": None,
        "scopes": " ".join(sorted(scopes)),
        **profile,
        "connected_at": at,
    }
    insert_or_replace(connection, members, [row], keep=set())
    load_failures.forget(connection, [user_id])


def add_export_only(connection: Connection, at: datetime) -> int:
    """Enter a member who is not connected, for what an export says; returns the id, a negative number of our own.

    WHOOP's ids are positive. The transaction holds the lock of NEWCOMERS, so that two of them do not get one id. Nor is one
    given again after its member was erased: what left the database under it, as a page in Notion, is not the next one's.
    """
    # Of the members too: an older version that still runs enters them without a word in the ledger. They come first: who
    # is erased between the two is in the ledger by then.
    lowest = [
        connection.scalar(select(func.min(column)))
        for column in (members.c.user_id, export_only_ids.c.given_id)
    ]
    user_id = min(found or 0 for found in [0, *lowest]) - 1
    connection.execute(insert(export_only_ids), [{"given_id": user_id, "given_at": at}])
    row = {"user_id": user_id, "status": EXPORT_ONLY, "status_reason": None, "scopes": "", "connected_at": at}
    connection.execute(insert(members), [row])
    return user_id


@dataclass(frozen=True, slots=True)
class Before:
    """The rows of a member and of the tokens before a connect; None where there was none."""

    member: dict[str, Any] | None = field(repr=False)
    tokens: dict[str, Any] | None = field(repr=False)


def before(connection: Connection, user_id: int) -> Before:
    """What a connect is about to replace."""

    def row(table: Table) -> dict[str, Any] | None:
        found = connection.execute(select(table).where(table.c.user_id == user_id)).mappings().first()
        return None if found is None else dict(found)

    return Before(row(members), row(token_tables.tokens))


def put_back(connection: Connection, user_id: int, rows: Before) -> None:
    """Undo a connect: who was not here is not here again, and who was has the tokens of before."""
    if rows.member is None:
        erase(connection, user_id)
        return
    insert_or_replace(connection, members, [rows.member], keep=set())
    if rows.tokens is None:
        connection.execute(delete(token_tables.tokens).where(token_tables.tokens.c.user_id == user_id))
        return
    # The fence of the later pair stays, so that no lease on the one before fits.
    insert_or_replace(connection, token_tables.tokens, [rows.tokens], keep={"fence"})


def listed(connection: Connection, status: str | None = None) -> list[Member]:
    """All members, or those of one status, by id."""
    c = members.c
    query = select(c.user_id, c.status, c.status_reason, c.scopes, c.connected_at).order_by(c.user_id)
    if status is not None:
        query = query.where(c.status == status)
    return [
        Member(user_id, state, reason, frozenset(scopes.split()), connected_at)
        for user_id, state, reason, scopes, connected_at in connection.execute(query)
    ]


def chosen(
    connection: Connection, user_ids: Collection[int], *, with_disconnected: bool = False
) -> list[Member]:
    """The members of these ids; when none is named, everybody but the disconnected, or they too.

    Raises UnknownMember for an id that is not here.
    """
    everyone = listed(connection)
    if not user_ids:
        return [member for member in everyone if with_disconnected or member.status != DISCONNECTED]
    by_id = {member.user_id: member for member in everyone}
    for user_id in user_ids:
        if user_id not in by_id:
            raise unknown(user_id)
    return [by_id[user_id] for user_id in sorted(set(user_ids))]


def unknown(user_id: int) -> UnknownMember:
    """The error for an id that is not stored."""
    return UnknownMember(
        f"Member {user_id} is not known here: `whoop-assets members` lists the members, `{RECONNECT}` adds one."
    )


def exists(connection: Connection, user_id: int) -> bool:
    """Whether the member is, or was, connected here."""
    return _HERE.row(connection, member=user_id) is not None


def require(connection: Connection, user_id: int) -> None:
    """Raise UnknownMember when the member has been erased: a load in flight must not bring anything back."""
    if not exists(connection, user_id):
        raise UnknownMember(f"Member {user_id} is not known here any more: nothing of theirs was stored.")


def set_status(connection: Connection, user_id: int, status: str, reason: str | None = None) -> None:
    """Change a member's status."""
    connection.execute(
        update(members).where(members.c.user_id == user_id).values(status=status, status_reason=reason)
    )


def status(connection: Connection, user_id: int) -> str | None:
    """The member's status now; None when the member is not here (any more)."""
    return connection.scalar(select(members.c.status).where(members.c.user_id == user_id))


def reason_to_reconnect(connection: Connection, user_id: int) -> str | None:
    """Why the member must be connected again; None when not."""
    c = members.c
    row = connection.execute(select(c.status, c.status_reason).where(c.user_id == user_id)).first()
    if row is None or row.status != RECONNECTION_NEEDED:
        return None
    return row.status_reason or "WHOOP no longer honours the grant"


def mend(connection: Connection, user_id: int) -> None:
    """A good token pair has been stored after all: the member need not be connected again."""
    connection.execute(
        update(members)
        .where(members.c.user_id == user_id, members.c.status == RECONNECTION_NEEDED)
        .values(status=CONNECTED, status_reason=None)
    )


def holdings(connection: Connection, user_id: int) -> Holdings:
    """What is stored of the member."""
    found = []
    for c, ours in (
        (record_tables.cycles.c, record_tables.cycles.c.deleted_at),
        (imported_cycles.c, imported_cycles.c.matched_id),
    ):
        query = select(func.min(c.day), func.max(c.day), func.count())
        found.append(connection.execute(query.where(c.user_id == user_id, ours.is_(None))).one())
    (first, last, count), (first_imported, last_imported, imported) = found
    return Holdings(
        min((day for day in (first, first_imported) if day is not None), default=None),
        max((day for day in (last, last_imported) if day is not None), default=None),
        count,
        imported,
    )


def erase(connection: Connection, user_id: int) -> int:
    """Delete every row of the member in every table; returns how many there were.

    What stays of a member from an export alone is the bare number, so that nobody else is given it.
    """
    if user_id < 0:
        connected_at = connection.scalar(select(members.c.connected_at).where(members.c.user_id == user_id))
        if connected_at is not None:
            insert_or_ignore(connection, export_only_ids, [{"given_id": user_id, "given_at": connected_at}])
    erased = 0
    for table in metadata.sorted_tables:
        if "user_id" in table.c:
            erased += connection.execute(delete(table).where(table.c.user_id == user_id)).rowcount
    return erased


def row_counts(
    connection: Connection, members: Collection[int], stream: str, first: date, last: date
) -> dict[date, int]:
    """How many existing records of the stream, or snapshots, these members have on each day that has any."""
    table = (RECORD_TABLES | SNAPSHOT_TABLES)[stream]
    query = (
        select(table.c.day, func.count())
        .where(table.c.user_id.in_(list(members)), table.c.day.between(first, last))
        .group_by(table.c.day)
    )
    if stream in RECORD_TABLES:
        query = query.where(table.c.deleted_at.is_(None))
    return dict(connection.execute(query).all())
