"""Rotating the keys that encrypt tokens, while runs go on; and what is under which key.

First the new key is where every process can find it (in the file; with WHOOP_TOKEN_KEY whoever sets it sees to that),
then the database says that it is the current one, then the pairs are encrypted anew, each in its own transaction. From
the second step on no lease is given to a process without the new key. One that was given before is waited for, so that
what it stores, perhaps still under the old key, is encrypted anew as well. A key goes out of the file only when no pair
is under it, and not before the next rotation. Stopped at any point, a rotation leaves everything readable, and the next
one completes it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import Connection, func, select, update

from whoop_assets.db.database import Database
from whoop_assets.errors import ConfigurationError
from whoop_assets.members import store as members
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens import lease
from whoop_assets.tokens.cipher import TokenCipher, fingerprint
from whoop_assets.tokens.store import encrypted
from whoop_assets.tokens.tables import token_key as key_in_use
from whoop_assets.tokens.tables import tokens

_LOOK_AGAIN = 0.25
_PASSES = 5


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many members' pairs are under a key (None: not recorded which), and whether it is at hand."""

    key_id: str | None
    members: int
    current: bool
    at_hand: bool


@dataclass(frozen=True, slots=True)
class Rotated:
    """The key that encrypts now, how many pairs were encrypted anew, and whose could not be read.

    `set_aside`: where an unusable key file is kept now.
    """

    key_id: str
    members: int
    unreadable: list[int]
    set_aside: Path | None = None


def in_use(connection: Connection, cipher: TokenCipher) -> list[KeyUse]:
    """The current key, also when nothing is under it, and every other key that a pair is under."""
    stated = connection.scalar(select(key_in_use.c.key_id))
    counted = select(tokens.c.key_id, func.count()).group_by(tokens.c.key_id)
    counts: dict[str | None, int] = dict(connection.execute(counted).all())
    current = stated or cipher.first
    counts.setdefault(current, 0)
    return [
        KeyUse(key_id, count, key_id == current, key_id is None or cipher.holds(key_id))
        for key_id, count in sorted(counts.items(), key=lambda one: (one[0] != current, one[0] or ""))
    ]


def rotate(database: Database, token_key: str, *, lost: bool = False) -> Rotated:
    """Make the first key of WHOOP_TOKEN_KEY, or a new one in the file, the current key; encrypt every pair under it.

    `lost`: go on without pairs that no key at hand can read; their members have to be connected again. Without it
    raises ConfigurationError for them, before anything is done.
    """
    path = None if token_key else keys.key_file(database)
    set_aside = None
    if path is not None and lost:
        set_aside = keys.replace_unusable_file(path, database)
    cipher = keys.token_cipher(database, token_key)
    with database.read() as connection:
        everybody = list(connection.scalars(select(tokens.c.user_id).order_by(tokens.c.user_id)))
        unreadable = [user_id for user_id in everybody if not _readable(connection, user_id, cipher)]
    if unreadable and not lost:
        raise ConfigurationError(
            f"The tokens of member {', '.join(map(str, unreadable))} are under a key that is not at hand, and nothing was"
            f" done: add that key to WHOOP_TOKEN_KEY, behind the first; {keys.LOST}, and those members connect again."
        )
    with database.write() as connection:
        before = connection.scalar(select(key_in_use.c.key_id).with_for_update())
        held = []
        if path is not None:
            held = keys.read_key_file(path)
            keys.write_key_file(path, [Fernet.generate_key(), *held])
            cipher = keys.token_cipher(database, token_key)
        key_id = cipher.first
        if key_id != before:
            keys.switch(connection, key_id, database.now(connection))
    # Who has connected again since they were looked at is nobody to give up.
    unreadable = [user_id for user_id in unreadable if _give_up(database, user_id, cipher)]
    renewed = _encrypt_all(database, cipher, unreadable)
    if path is not None:
        older = {fingerprint(key) for key in held} - {before or fingerprint(held[0])}
        with database.write() as connection:
            needed = set(connection.scalars(select(tokens.c.key_id)))
            if None not in needed:
                found = keys.read_key_file(path)
                keys.write_key_file(path, [key for key in found if fingerprint(key) not in older - needed])
    return Rotated(key_id, renewed, unreadable, set_aside)


def _encrypt_all(database: Database, cipher: TokenCipher, unreadable: Collection[int]) -> int:
    """Encrypt anew what is under another key than the current one, until there is nothing left; how many pairs."""
    renewed: set[int] = set()
    for _ in range(_PASSES):
        with database.read() as connection:
            current = connection.scalar(select(key_in_use.c.key_id))
            others = select(tokens.c.user_id).where(tokens.c.key_id.is_distinct_from(current))
            left = [user_id for user_id in connection.scalars(others) if user_id not in unreadable]
        if not left:
            break
        for user_id in left:
            while not _encrypt(database, cipher, user_id):
                database.clock.sleep(_LOOK_AGAIN)
            renewed.add(user_id)
    return len(renewed)


def _encrypt(database: Database, cipher: TokenCipher, user_id: int) -> bool:
    """Encrypt the pair under the current key. False while it is being refreshed: then it has to be looked at again."""
    with database.write([user_id]) as connection:
        # In this order, as whoever takes a lease does, so that nobody waits in a circle.
        current = connection.scalar(select(key_in_use.c.key_id).with_for_update(read=True))
        row = connection.execute(select(tokens).where(tokens.c.user_id == user_id).with_for_update()).first()
        if row is None or current is None or row.key_id == current:
            return True
        if lease.held(row.lease_until, database.now(connection)):
            return False
        if not cipher.holds(current):
            return True  # another rotation has begun, and will see to it
        access = cipher.decrypt(row.access_token, row.key_id)
        refresh = None if row.refresh_token is None else cipher.decrypt(row.refresh_token, row.key_id)
        # The fence stays: it is the same pair, and who is late with a newer one may still bring it.
        connection.execute(
            update(tokens)
            .where(tokens.c.user_id == user_id)
            .values(**encrypted(cipher, current, access, refresh))
        )
        return True


def _readable(connection: Connection, user_id: int, cipher: TokenCipher) -> bool:
    row = connection.execute(
        select(tokens.c.access_token, tokens.c.key_id).where(tokens.c.user_id == user_id)
    ).first()
    if row is None:
        return True  # there is nothing that cannot be read
    try:
        cipher.decrypt(row.access_token, row.key_id)
    except ConfigurationError:
        return False
    return True


def _give_up(database: Database, user_id: int, cipher: TokenCipher) -> bool:
    """Mark the member, unless the pair can be read now, or is gone. Whether it was done."""
    with database.write([user_id]) as connection:
        if _readable(connection, user_id, cipher):
            return False
        members.set_status(
            connection,
            user_id,
            members.RECONNECTION_NEEDED,
            members.KEY_LOST,
        )
    return True
