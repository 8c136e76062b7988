"""Members: connection status, granted scopes, and the reason if a member is not connected."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from whoop_assets.db.statements import insert_or_replace
from whoop_assets.errors import RECONNECT, UnknownMember
from whoop_assets.members.tables import members

CONNECTED = "connected"
RECONNECTION_NEEDED = "reconnection_needed"
DISCONNECTED = "disconnected"
EXPORT_ONLY = "export_only"
"""Never connected: all data come from the WHOOP app's export. No request concerns such a member."""

NEWCOMERS = 0
"""The id to lock while a member without a WHOOP id is added. No member has it."""

# Reasons for RECONNECTION_NEEDED. The first two come from WHOOP.
NO_LONGER_ACCEPTED = "WHOOP no longer accepts the refresh token"
REFUSES_EVERYTHING = "WHOOP answers 401 to every stream, also with a token that it has just renewed"
KEY_LOST = "the key that encrypted the tokens is lost"
# Reasons for DISCONNECTED.
LEFT = "disconnected here"
LEFT_WITH_GRANT = "disconnected here; the grant could not be ended at WHOOP"


@dataclass(frozen=True, slots=True)
class Member:
    """One member, without name and e-mail address, so that no log contains them."""

    user_id: int
    status: str
    status_reason: str | None
    scopes: frozenset[str]
    connected_at: datetime


def connect(
    connection: Connection,
    user_id: int,
    scopes: Iterable[str],
    profile: Mapping[str, str | None],
    at: datetime,
) -> None:
    """Store a member who has just given consent.

    Args:
        profile: email, first_name and last_name.
        at: When the member gave consent.
    """
    row = {
        "user_id": user_id,
        "status": CONNECTED,
        "status_reason": None,
        "scopes": " ".join(sorted(scopes)),
        **profile,
        "connected_at": at,
    }
    insert_or_replace(connection, members, [row], keep=set())


def listed(connection: Connection, status: str | None = None) -> list[Member]:
    """Return all members, or those with one status, by id."""
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
    """Return the members with these ids.

    Args:
        user_ids: WHOOP user ids. If empty, all members.
        with_disconnected: Whether "all members" includes disconnected ones.

    Raises:
        UnknownMember: An id is not stored.
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
    """Return the error for an id that is not stored."""
    return UnknownMember(
        f"Member {user_id} is not known here: `whoop-assets members` lists the members, `{RECONNECT}` adds"
        " one."
    )


def exists(connection: Connection, user_id: int) -> bool:
    """Return whether the member is stored, connected or not."""
    return connection.scalar(select(members.c.user_id).where(members.c.user_id == user_id)) is not None


def require(connection: Connection, user_id: int) -> None:
    """Raise UnknownMember if the member was erased: a load in flight must store nothing."""
    if not exists(connection, user_id):
        raise UnknownMember(f"Member {user_id} is not known here any more: nothing was stored.")


def set_status(connection: Connection, user_id: int, status: str, reason: str | None = None) -> None:
    connection.execute(
        update(members).where(members.c.user_id == user_id).values(status=status, status_reason=reason)
    )


def status(connection: Connection, user_id: int) -> str | None:
    """Return the member's status; None if the member is not stored."""
    return connection.scalar(select(members.c.status).where(members.c.user_id == user_id))


def reason_to_reconnect(connection: Connection, user_id: int) -> str | None:
    """Return why the member must connect again; None if that is not necessary."""
    c = members.c
    row = connection.execute(select(c.status, c.status_reason).where(c.user_id == user_id)).first()
    if row is None or row.status != RECONNECTION_NEEDED:
        return None
    return row.status_reason or "WHOOP no longer accepts the grant"


def mend(connection: Connection, user_id: int) -> None:
    """Set the status from reconnection_needed to connected: a valid token pair was stored after all."""
    connection.execute(
        update(members)
        .where(members.c.user_id == user_id, members.c.status == RECONNECTION_NEEDED)
        .values(status=CONNECTED, status_reason=None)
    )
