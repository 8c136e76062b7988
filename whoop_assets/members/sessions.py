"""Sign-in to the web pages: sessions, one-time links, attempts at WHOOP, and the audit log.

Only hashes of tokens, links and states are stored.
All rows carry `user_id`, so that erasing a member deletes them.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from whoop_assets.db.statements import upsert
from whoop_assets.members import store as member_store
from whoop_assets.members.hashing import hashed
from whoop_assets.members.tables import (
    member_sessions,
    members,
    page_actions,
    sign_in_attempts,
    sign_in_links,
)

SESSION_LIFETIME = timedelta(days=30)
ATTEMPT_LIFETIME = timedelta(minutes=10)
AUDIT_KEPT = timedelta(days=365)
MAX_TOKEN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser; `user_id` is its member."""

    id: int
    user_id: int
    made_at: datetime
    expires_at: datetime


def begin(connection: Connection, user_id: int, at: datetime) -> str:
    """Start a session and return its token, which is stored nowhere."""
    connection.execute(delete(member_sessions).where(member_sessions.c.expires_at <= at))
    token = secrets.token_urlsafe(32)
    row = {
        "user_id": user_id,
        "token_hash": hashed(token),
        "made_at": at,
        "expires_at": at + SESSION_LIFETIME,
    }
    connection.execute(insert(member_sessions), row)
    return token


def find(connection: Connection, token: str, at: datetime) -> Session | None:
    """Return the session of this token; None if there is none, it has expired, or the member is erased."""
    if not token or len(token) > MAX_TOKEN_CHARACTERS:
        return None
    c = member_sessions.c
    query = (
        select(c.id, c.user_id, c.made_at, c.expires_at)
        .join(members, members.c.user_id == c.user_id)
        .where(c.token_hash == hashed(token), c.expires_at > at)
    )
    row = connection.execute(query).first()
    return None if row is None else Session(*row)


def listed(connection: Connection, at: datetime, user_id: int | None = None) -> list[Session]:
    """Return the sessions that have not expired, newest first; of one member if given."""
    c = member_sessions.c
    query = select(c.id, c.user_id, c.made_at, c.expires_at).where(c.expires_at > at).order_by(c.id.desc())
    if user_id is not None:
        query = query.where(c.user_id == user_id)
    return [Session(*row) for row in connection.execute(query)]


def end(connection: Connection, user_id: int, session_id: int | None = None) -> int:
    """End one session of the member, or all; return how many ended."""
    c = member_sessions.c
    query = delete(member_sessions).where(c.user_id == user_id)
    if session_id is not None:
        query = query.where(c.id == session_id)
    return connection.execute(query).rowcount


def make_link(connection: Connection, user_id: int, at: datetime, lifetime: timedelta) -> str:
    """Make a one-time link and return its secret. Raises UnknownMember."""
    member_store.chosen(connection, [user_id])
    connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= at))
    secret = secrets.token_urlsafe(32)
    row = {"link_hash": hashed(secret), "user_id": user_id, "made_at": at, "expires_at": at + lifetime}
    connection.execute(insert(sign_in_links), row)
    return secret


def link_owner(connection: Connection, secret: str) -> int | None:
    """Return the member of a link, without using it up; None if the link does not exist."""
    c = sign_in_links.c
    return connection.scalar(select(c.user_id).where(c.link_hash == hashed(secret)))


def use_link(connection: Connection, secret: str, at: datetime) -> int | None:
    """Use up a link and return its member; None if it does not exist, is used or has expired."""
    c = sign_in_links.c
    query = delete(sign_in_links).where(c.link_hash == hashed(secret)).returning(c.user_id, c.expires_at)
    row = connection.execute(query).first()
    return row.user_id if row is not None and row.expires_at > at else None


def begin_attempt(connection: Connection, state: str, user_id: int | None, at: datetime) -> None:
    """Store the state of an attempt to sign in at WHOOP; `user_id` is the member of the current session."""
    c = sign_in_attempts.c
    connection.execute(delete(sign_in_attempts).where(c.expires_at <= at))
    row = {"state_hash": hashed(state), "user_id": user_id, "expires_at": at + ATTEMPT_LIFETIME}
    connection.execute(insert(sign_in_attempts), row)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A finished attempt; `user_id` is the member of the session in which it began."""

    user_id: int | None


def finish_attempt(connection: Connection, state: str, at: datetime) -> Attempt | None:
    """End an attempt and return it; None if it does not exist, is finished or has expired."""
    c = sign_in_attempts.c
    query = delete(sign_in_attempts).where(c.state_hash == hashed(state)).returning(c.user_id, c.expires_at)
    row = connection.execute(query).first()
    return Attempt(row.user_id) if row is not None and row.expires_at > at else None


def form_token(session_token: str) -> str:
    """Return the CSRF token for the forms of a session: only a page that has read the cookie knows it."""
    return hmac.new(session_token.encode(), b"form", hashlib.sha256).hexdigest()


def is_form_token(session_token: str, given: str) -> bool:
    """Return whether a submitted CSRF token belongs to this session, in constant time."""
    return bool(session_token) and hmac.compare_digest(form_token(session_token).encode(), given.encode())


def record(
    connection: Connection, user_id: int, actor: str, action: str, at: datetime, form: str | None = None
) -> bool:
    """Write a line of the audit log; return False if this form was submitted before.

    Args:
        user_id: The member whom the action concerns.
        actor: member, operator or command.
        form: Random number of the submitted form, so that a double click is one action.
    """
    connection.execute(delete(page_actions).where(page_actions.c.done_at < at - AUDIT_KEPT))
    row = {
        "user_id": user_id,
        "actor": actor,
        "action": action,
        "form_hash": None if form is None else hashed(f"{user_id}:{action}:{form}"),
        "done_at": at,
    }
    statement = upsert(connection, page_actions).values(row)
    if form is not None:
        statement = statement.on_conflict_do_nothing(index_elements=["form_hash"])
    return bool(connection.execute(statement).rowcount == 1)


def withdraw(connection: Connection, user_id: int, action: str, form: str) -> None:
    """Delete the line of an action that failed, so that the member can submit the same form again."""
    form_hash = hashed(f"{user_id}:{action}:{form}")
    connection.execute(delete(page_actions).where(page_actions.c.form_hash == form_hash))


def recorded(connection: Connection, user_ids: Collection[int]) -> list[tuple[int, str, str, datetime]]:
    """Return the audit log of these members as (user_id, actor, action, time), newest first."""
    c = page_actions.c
    query = (
        select(c.user_id, c.actor, c.action, c.done_at).where(c.user_id.in_(user_ids)).order_by(c.id.desc())
    )
    return [tuple(row) for row in connection.execute(query)]
