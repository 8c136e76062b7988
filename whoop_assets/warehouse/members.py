"""Members: who is connected, with which scopes, and what is in the way when they are not."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, func, select, update

from whoop_assets.errors import UnknownMember
from whoop_assets.warehouse import failures, tables
from whoop_assets.warehouse.statements import insert_or_replace
from whoop_assets.warehouse.tables import RECORD_TABLES, SNAPSHOT_TABLES, members

CONNECTED = "connected"
RECONNECTION_NEEDED = "reconnection_needed"
DISCONNECTED = "disconnected"


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
    """What is stored of a member: first and last WHOOP day with a cycle, and the number of cycles."""

    first_day: date | None
    last_day: date | None
    cycles: int


def connect(
    connection: Connection, user_id: int, scopes: Iterable[str], profile: dict[str, str | None], at: datetime
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
    failures.forget(connection, [user_id])


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
            raise UnknownMember(
                f"Member {user_id} is not known here: `whoop-assets members` lists who is, `whoop-assets connect`"
                " adds one."
            )
    return [by_id[user_id] for user_id in sorted(set(user_ids))]


def exists(connection: Connection, user_id: int) -> bool:
    """Whether the member is, or was, connected here."""
    return connection.scalar(select(members.c.user_id).where(members.c.user_id == user_id)) is not None


def require(connection: Connection, user_id: int) -> None:
    """Raise UnknownMember when the member has been erased: a load in flight must not bring anything back."""
    if not exists(connection, user_id):
        raise UnknownMember(f"Member {user_id} is not known here any more: nothing of theirs was stored.")


def set_status(connection: Connection, user_id: int, status: str, reason: str | None = None) -> None:
    """Change a member's status."""
    connection.execute(
        update(members).where(members.c.user_id == user_id).values(status=status, status_reason=reason)
    )


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
    cycles = tables.cycles
    row = connection.execute(
        select(func.min(cycles.c.day), func.max(cycles.c.day), func.count()).where(
            cycles.c.user_id == user_id, cycles.c.deleted_at.is_(None)
        )
    ).one()
    return Holdings(*row)


def erase(connection: Connection, user_id: int) -> int:
    """Delete every row of the member in every table; returns how many there were."""
    erased = 0
    for table in tables.metadata.sorted_tables:
        if "user_id" in table.c:
            erased += connection.execute(delete(table).where(table.c.user_id == user_id)).rowcount
    return erased


def row_counts(connection: Connection, user_id: int, stream: str, first: date, last: date) -> dict[date, int]:
    """How many existing records of the stream, or snapshots, the member has on each day that has any."""
    table = (RECORD_TABLES | SNAPSHOT_TABLES)[stream]
    query = (
        select(table.c.day, func.count())
        .where(table.c.user_id == user_id, table.c.day.between(first, last))
        .group_by(table.c.day)
    )
    if stream in RECORD_TABLES:
        query = query.where(table.c.deleted_at.is_(None))
    return dict(connection.execute(query).all())
