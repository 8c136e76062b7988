"""The keys that encrypt tokens: Fernet keys from WHOOP_TOKEN_KEY, or from a file kept beside the embedded database.

A key is named by its fingerprint. The database says which one encrypts now (`token_key`), and of each pair which one did:
a process that meets a key it does not hold looks at its source again before it gives up, so that keys can be rotated
while it runs.
"""

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, select

from whoop_assets.db.database import Database
from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import insert_or_ignore, insert_or_replace
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings
from whoop_assets.tokens.tables import token_key as key_in_use
from whoop_assets.tokens.tables import tokens

KEY_FILE_SUFFIX = ".token-key"
_MOST_SET_ASIDE = 100
LOST = "if it is lost for good, `whoop-assets keys rotate --lost` goes on without it"
_IN_USE = Prepared(select(key_in_use.c.key_id).where(key_in_use.c.id == 1))


def fingerprint(key: bytes) -> str:
    """The name of a key: 16 hexadecimal digits that tell nothing of it."""
    return hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:16]


class TokenCipher:
    """Encrypts with a key it is told, or its first; decrypts with any. `reread` gives the keys that its source holds now."""

    def __init__(self, keys: list[bytes], reread: Callable[[], list[bytes]] = list) -> None:
        self._keys = _by_fingerprint(keys)
        if not self._keys:
            raise ValueError("there is no key")
        self._reread = reread

    def __repr__(self) -> str:
        return "TokenCipher(…)"

    @property
    def first(self) -> str:
        """Fingerprint of the source's first key."""
        return next(iter(self._keys))

    def holds(self, key_id: str) -> bool:
        """Whether that key is at hand, perhaps since a moment ago."""
        if key_id not in self._keys:
            # What was held stays: it may still open something. The source's order counts.
            self._keys = _by_fingerprint(self._reread()) | self._keys
        return key_id in self._keys

    def encrypt(self, secret: str, key_id: str | None = None) -> str:
        return self._keys[key_id or self.first].encrypt(secret.encode()).decode()

    def decrypt(self, stored: str, key_id: str | None = None) -> str:
        """The secret; raises ConfigurationError when the key that made the stored text (if known) is not at hand."""
        if key_id is None or self.holds(key_id):
            with contextlib.suppress(InvalidToken):
                return MultiFernet(list(self._keys.values())).decrypt(stored.encode()).decode()
        which = f" (fingerprint {key_id})" if key_id else ""
        raise ConfigurationError(
            f"The stored tokens were encrypted with another key{which}: set WHOOP_TOKEN_KEY to the key that was in use"
            f" when they were stored, or add it behind the first; the tokens are kept as they are, and {LOST}."
        ) from None


def _by_fingerprint(keys: Iterable[bytes]) -> dict[str, Fernet]:
    return {fingerprint(key): fernet for key in keys if (fernet := Fernet(key))}


# Which key encrypts now


def current(connection: Connection, cipher: TokenCipher) -> str:
    """Fingerprint of the key that encrypts now: the source's first as long as nothing is encrypted.

    Raises ConfigurationError when it is not at hand.
    """
    row = _IN_USE.row(connection)
    known = None if row is None else row[0]
    if known is None or (not cipher.holds(known) and _nothing_is_encrypted(connection)):
        return cipher.first
    if cipher.holds(known):
        return str(known)
    raise ConfigurationError(
        f"Tokens are encrypted with another key now (fingerprint {known}), which is not at hand here: add it to"
        f" WHOOP_TOKEN_KEY and start again; no token was spent, and {LOST}."
    )


def claim(connection: Connection, cipher: TokenCipher, at: datetime) -> str:
    """`current`, in a transaction that is going to encrypt: until it ends no other key becomes the current one."""
    insert_or_ignore(connection, key_in_use, [{"id": 1, "key_id": cipher.first, "since": at}])
    # Only while nothing is encrypted may the key have to be switched. Two that both hold the row to read, and then both
    # want to write it, would wait for each other.
    only_read = not _nothing_is_encrypted(connection)
    stated = connection.scalar(select(key_in_use.c.key_id).with_for_update(read=only_read))
    found = current(connection, cipher)
    if found != stated:
        switch(connection, found, at)
    return found


def switch(connection: Connection, key_id: str, at: datetime) -> None:
    """Make this key the current one."""
    insert_or_replace(connection, key_in_use, [{"id": 1, "key_id": key_id, "since": at}], keep=set())


def for_storing(connection: Connection, cipher: TokenCipher, otherwise: str, at: datetime) -> str:
    """`claim` for a pair that WHOOP has given: rather under a key that was current a moment ago than lost."""
    try:
        return claim(connection, cipher, at)
    except ConfigurationError:
        return otherwise


def _nothing_is_encrypted(connection: Connection) -> bool:
    return connection.scalar(select(tokens.c.user_id).limit(1)) is None


# Where keys come from


def token_cipher(database: Database, token_key: str) -> TokenCipher:
    """The cipher for this database; raises ConfigurationError without a usable key."""
    if token_key:
        given = keys_in(token_key, "WHOOP_TOKEN_KEY")
        # A key that was handed over by other means is not mixed with what may stand in the environment.
        return TokenCipher(given, _from_environment if _from_environment() == given else list)
    path = key_file(database)
    return TokenCipher(_from_file(path, database), lambda: _now_in(path))


def key_file(database: Database) -> Path:
    """The file beside the embedded database; raises ConfigurationError when there is no such place."""
    if not database.is_sqlite or not database.url.database or database.url.database == ":memory:":
        raise ConfigurationError(
            'WHOOP_TOKEN_KEY is not set: make a key with `python -c "from cryptography.fernet import Fernet;'
            ' print(Fernet.generate_key().decode())"` and keep it as carefully as the database.'
        )
    return Path(database.url.database).absolute().with_suffix(KEY_FILE_SUFFIX)


def keys_in(text: str, source: str) -> list[bytes]:
    """The keys in a text, separated by commas; raises ConfigurationError, naming the source."""
    try:
        keys = [part.strip().encode() for part in text.split(",") if part.strip()]
        if not _by_fingerprint(keys):
            raise ValueError("there is no key")
    except ValueError:
        raise ConfigurationError(
            f"{source} does not hold Fernet keys: each is 44 characters of url-safe base64, several are separated"
            " by commas."
        ) from None
    return keys


def write_key_file(path: Path, keys: Iterable[bytes]) -> None:
    """Replace the file in one step, for its owner alone: who reads it meanwhile finds the old keys or the new ones."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b",".join(keys) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path.name} cannot be written ({type(error).__name__}): check who may write there and that the"
            " disk has room, or set WHOOP_TOKEN_KEY."
        ) from None
    with contextlib.suppress(OSError):  # not every system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_key_file(path: Path) -> list[bytes]:
    """The keys in the file; raises ConfigurationError when it cannot be read or holds something else."""
    name = f"The key file {path.name}"
    try:
        return keys_in(path.read_text(), name)
    except OSError as error:
        wrong = f"{name} cannot be read ({type(error).__name__}): check what it is and who may read it"
    except (UnicodeDecodeError, ConfigurationError):
        wrong = f"{name} does not hold Fernet keys, each of them 44 characters of url-safe base64"
    raise ConfigurationError(
        f"{wrong}; put it back from your backup, or set WHOOP_TOKEN_KEY to the key that it held; {LOST}."
    )


def replace_unusable_file(path: Path, database: Database) -> Path | None:
    """Write a new key where the file holds none that can be used; where what there was is kept now, if there was any."""
    with database.write():
        try:
            read_key_file(path)
        except ConfigurationError:
            kept = _set_aside(path)
            write_key_file(path, [Fernet.generate_key()])
            return kept
    return None


def _set_aside(path: Path) -> Path | None:
    for number in range(1, _MOST_SET_ASIDE):
        kept = path.with_name(f"{path.name}.unusable-{number}")
        if kept.exists():
            continue
        try:
            path.rename(kept)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"The key file {path.name} cannot be moved aside ({type(error).__name__}): move it away yourself, then run"
                " `whoop-assets keys rotate --lost` again."
            ) from None
        return kept
    raise ConfigurationError(
        f"There are {_MOST_SET_ASIDE - 1} unusable key files beside {path.name} already: move them away."
    )


def _from_environment() -> list[bytes]:
    # `.env` may have been written anew. What cannot be read now is no reason to fail with what is held.
    with contextlib.suppress(ConfigurationError):
        text = Settings.from_environment().token_key.get_secret_value()
        return keys_in(text, "WHOOP_TOKEN_KEY") if text else []
    return []


def _now_in(path: Path) -> list[bytes]:
    with contextlib.suppress(ConfigurationError, OSError):
        return read_key_file(path)
    return []


def _is_missing(path: Path) -> bool:
    """Whether there is no key file, or an empty one, whose writer was killed."""
    try:
        return not path.exists() or not path.stat().st_size
    except OSError:
        return False  # what is wrong with it is said by who reads it


def _from_file(path: Path, database: Database) -> list[bytes]:
    if _is_missing(path):
        # One process at a time: of two that start together one makes the key, and both use it.
        with database.write() as connection:
            if _is_missing(path):
                if not _nothing_is_encrypted(connection):
                    # A new key would read none of them, and members connected under it would not outlive the old one.
                    raise ConfigurationError(
                        f"The key file {path.name} is gone, and the stored tokens cannot be read without it: put it"
                        f" back from your backup, or set WHOOP_TOKEN_KEY to the key that it held; {LOST}."
                    )
                write_key_file(path, [Fernet.generate_key()])
    return read_key_file(path)
