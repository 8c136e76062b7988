"""Rotates the keys that encrypt tokens, while runs continue.

1. The new key is made available to all processes: in the key file, or by the operator in WHOOP_TOKEN_KEY.
2. The database records it as the current key. From now on no process without it gets a lease.
3. Each pair is encrypted with it, in its own transaction. A lease that was taken earlier is waited for,
   because its holder may still store a pair under the old key.
4. A key leaves the file only if no pair uses it, and not before the next rotation.

If a rotation stops at any point, everything stays readable, and the next rotation completes it.
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
from whoop_assets.tokens.tables import token_key as key_in_use
from whoop_assets.tokens.tables import tokens

_POLL_SECONDS = 0.25
_MAX_PASSES = 5


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Use of one key.

    Attributes:
        key_id: Fingerprint; None for pairs without a recorded key.
        members: Number of pairs that it encrypts.
        current: Whether it encrypts new pairs.
        at_hand: Whether this process has it.
    """

    key_id: str | None
    members: int
    current: bool
    at_hand: bool


@dataclass(frozen=True, slots=True)
class Rotated:
    """The outcome of a rotation.

    Attributes:
        key_id: Fingerprint of the current key.
        members: Number of pairs that were re-encrypted.
        unreadable: Members with a pair that no key decrypts; they must connect again.
        set_aside: Where an unusable key file was moved.
    """

    key_id: str
    members: int
    unreadable: list[int]
    set_aside: Path | None = None


def in_use(connection: Connection, cipher: TokenCipher) -> list[KeyUse]:
    """Return the current key, and every other key that encrypts a pair."""
    stated = connection.scalar(select(key_in_use.c.key_id))
    counted = select(tokens.c.key_id, func.count()).group_by(tokens.c.key_id)
    counts: dict[str | None, int] = dict(connection.execute(counted).all())
    current = stated or cipher.first
    counts.setdefault(current, 0)
    return [
        KeyUse(key_id, count, key_id == current, key_id is None or cipher.holds(key_id))
        for key_id, count in sorted(counts.items(), key=lambda item: (item[0] != current, item[0] or ""))
    ]


def rotate(database: Database, token_key: str, *, lost: bool = False) -> Rotated:
    """Make a new key current, and encrypt every pair with it.

    Args:
        database: The database with the tokens.
        token_key: WHOOP_TOKEN_KEY. Its first key becomes current. If empty, a new key is added to the key
            file.
        lost: Give up pairs that no available key can decrypt; their members must connect again.

    Raises:
        ConfigurationError: There are such pairs and `lost` is False. Nothing was changed.
    """
    path = None if token_key else keys.key_file(database)
    set_aside = None
    if path is not None and lost:
        set_aside = keys.replace_unusable_file(path, database)
    cipher = keys.token_cipher(database, token_key)
    with database.read() as connection:
        members_with_tokens = list(connection.scalars(select(tokens.c.user_id).order_by(tokens.c.user_id)))
        unreadable = [
            user_id for user_id in members_with_tokens if not _readable(connection, user_id, cipher)
        ]
    if unreadable and not lost:
        raise ConfigurationError(
            f"The tokens of member {', '.join(map(str, unreadable))} use a key that is not available, and"
            f" nothing was done: add that key to WHOOP_TOKEN_KEY, after the first; {keys.LOST}, and those"
            " members connect again."
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
    # Skip members who reconnected after the scan.
    unreadable = [user_id for user_id in unreadable if give_up(database, user_id, cipher)]
    rotated = encrypt_all(database, cipher, unreadable)
    if path is not None:
        older = {fingerprint(key) for key in held} - {before or fingerprint(held[0])}
        with database.write() as connection:
            needed = set(connection.scalars(select(tokens.c.key_id)))
            if None not in needed:
                found = keys.read_key_file(path)
                keys.write_key_file(path, [key for key in found if fingerprint(key) not in older - needed])
    return Rotated(key_id, rotated, unreadable, set_aside)


def encrypt_all(database: Database, cipher: TokenCipher, unreadable: Collection[int]) -> int:
    """Re-encrypt all pairs that use another key than the current one. Returns their number."""
    rotated: set[int] = set()
    for _ in range(_MAX_PASSES):
        with database.read() as connection:
            current = connection.scalar(select(key_in_use.c.key_id))
            others = select(tokens.c.user_id).where(tokens.c.key_id.is_distinct_from(current))
            left = [user_id for user_id in connection.scalars(others) if user_id not in unreadable]
        if not left:
            break
        for user_id in left:
            while not encrypt_pair(database, cipher, user_id):
                database.clock.sleep(_POLL_SECONDS)
            rotated.add(user_id)
    return len(rotated)


def encrypt_pair(database: Database, cipher: TokenCipher, user_id: int) -> bool:
    """Re-encrypt the pair with the current key. Returns False while it is being refreshed: try again then."""
    with database.write([user_id]) as connection:
        # The same order of row locks as when a lease is taken, to avoid a deadlock.
        current = connection.scalar(select(key_in_use.c.key_id).with_for_update(read=True))
        row = connection.execute(select(tokens).where(tokens.c.user_id == user_id).with_for_update()).first()
        if row is None or current is None or row.key_id == current:
            return True
        if lease.held(row.lease_until, database.now(connection)):
            return False
        if not cipher.holds(current):
            return True  # another rotation has begun, and will do it
        # The fence stays, because it is the same pair: a late holder of a lease may still store a newer one.
        connection.execute(
            update(tokens)
            .where(tokens.c.user_id == user_id)
            .values(
                access_token=cipher.rotate(row.access_token, current),
                refresh_token=row.refresh_token and cipher.rotate(row.refresh_token, current),
                key_id=current,
            )
        )
        return True


def _readable(connection: Connection, user_id: int, cipher: TokenCipher) -> bool:
    row = connection.execute(
        select(tokens.c.access_token, tokens.c.key_id).where(tokens.c.user_id == user_id)
    ).first()
    if row is None:
        return True
    try:
        cipher.decrypt(row.access_token, row.key_id)
    except ConfigurationError:
        return False
    return True


def give_up(database: Database, user_id: int, cipher: TokenCipher) -> bool:
    """Set the member to reconnection_needed unless the pair can be read now, or is deleted.

    Returns whether it did.
    """
    with database.write([user_id]) as connection:
        if _readable(connection, user_id, cipher):
            return False
        members.set_status(connection, user_id, members.RECONNECTION_NEEDED, members.KEY_LOST)
    return True
