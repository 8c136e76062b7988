"""The keys that encrypt tokens: Fernet keys from WHOOP_TOKEN_KEY, or from a file next to the SQLite database.

A fingerprint identifies a key. The database stores which key is current (`token_key`), and which key
encrypted each pair. A process that needs an unknown key reads its source again first, so that keys can be
rotated while it runs.
"""

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, select

from whoop_assets.atomic_file import write_atomically
from whoop_assets.db.database import Database
from whoop_assets.db.statements import insert_or_ignore, insert_or_replace
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings
from whoop_assets.tokens.tables import token_key as key_in_use
from whoop_assets.tokens.tables import tokens

KEY_FILE_SUFFIX = ".token-key"
_MAX_BACKUPS = 99
LOST = "if the key is lost, `whoop-assets keys rotate --lost` continues without it"


def fingerprint(key: bytes) -> str:
    """Return the identifier of a key: 16 hexadecimal digits, which do not reveal it."""
    return hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:16]


class TokenCipher:
    """Encrypts with one key, and decrypts with any of several."""

    def __init__(self, keys: list[bytes], reread: Callable[[], list[bytes]] = list) -> None:
        """Create the cipher.

        Args:
            keys: Fernet keys; the first encrypts by default.
            reread: Returns the keys that the source contains now.
        """
        self._keys = _by_fingerprint(keys)
        if not self._keys:
            raise ValueError("there is no key")
        self._reread = reread

    def __repr__(self) -> str:
        return "TokenCipher(…)"

    @property
    def first(self) -> str:
        """Fingerprint of the first key of the source."""
        return next(iter(self._keys))

    def holds(self, key_id: str) -> bool:
        """Return whether the key is available. Reads the source again if necessary."""
        if key_id not in self._keys:
            # Known keys stay, because they may still decrypt something. The source determines the order.
            self._keys = _by_fingerprint(self._reread()) | self._keys
        return key_id in self._keys

    def encrypt(self, secret: str, key_id: str | None = None) -> str:
        """Encrypt with that key, or with the first."""
        return self._keys[key_id or self.first].encrypt(secret.encode()).decode()

    def decrypt(self, stored: str, key_id: str | None = None) -> str:
        """Decrypt with any key. Raises ConfigurationError if the key that encrypted it is not available.

        Args:
            stored: The encrypted text.
            key_id: Fingerprint of its key, if known.
        """
        if key_id is None or self.holds(key_id):
            with contextlib.suppress(InvalidToken):
                return self._multi(self.first).decrypt(stored.encode()).decode()
        which = f" (fingerprint {key_id})" if key_id else ""
        raise ConfigurationError(
            f"The stored tokens were encrypted with another key{which}: set WHOOP_TOKEN_KEY to the key"
            " that was in use"
            f" when they were stored, or add it after the first; the tokens stay as they are, and {LOST}."
        ) from None

    def rotate(self, stored: str, key_id: str) -> str:
        """Encrypt the text with that key instead. Its own key must be available, as for `decrypt`."""
        return self._multi(key_id).rotate(stored.encode()).decode()

    def _multi(self, key_id: str) -> MultiFernet:
        """Encrypts with that key, decrypts with all."""
        return MultiFernet([self._keys[key_id], *self._keys.values()])


def _by_fingerprint(keys: Iterable[bytes]) -> dict[str, Fernet]:
    return {fingerprint(key): fernet for key in keys if (fernet := Fernet(key))}


# The current key


def current(connection: Connection, cipher: TokenCipher) -> str:
    """Return the fingerprint of the current key: the first key of the source while nothing is encrypted.

    Raises ConfigurationError if it is not available.
    """
    known = connection.scalar(select(key_in_use.c.key_id).where(key_in_use.c.id == 1))
    if known is None or (not cipher.holds(known) and _nothing_is_encrypted(connection)):
        return cipher.first
    if cipher.holds(known):
        return str(known)
    raise ConfigurationError(
        f"Tokens are now encrypted with another key (fingerprint {known}), which is not available here:"
        f" add it to WHOOP_TOKEN_KEY and start again; no token was used up, and {LOST}."
    )


def lock_current(connection: Connection, cipher: TokenCipher, at: datetime) -> str:
    """Return the current key, and lock it: no other key becomes current before the transaction ends."""
    insert_or_ignore(connection, key_in_use, [{"id": 1, "key_id": cipher.first, "since": at}])
    # A shared lock suffices unless the key may have to be switched, which is so only while nothing is
    # encrypted. Two transactions that upgrade shared locks would deadlock.
    only_read = not _nothing_is_encrypted(connection)
    stated = connection.scalar(select(key_in_use.c.key_id).with_for_update(read=only_read))
    found = current(connection, cipher)
    if found != stated:
        switch(connection, found, at)
    return found


def switch(connection: Connection, key_id: str, at: datetime) -> None:
    """Set the current key."""
    insert_or_replace(connection, key_in_use, [{"id": 1, "key_id": key_id, "since": at}], keep=set())


def for_storing(connection: Connection, cipher: TokenCipher, otherwise: str, at: datetime) -> str:
    """Return the key for a pair that WHOOP has returned.

    The current key, or `otherwise` if it is not available.
    """
    try:
        return lock_current(connection, cipher, at)
    except ConfigurationError:
        return otherwise


def _nothing_is_encrypted(connection: Connection) -> bool:
    return connection.scalar(select(tokens.c.user_id).limit(1)) is None


# Sources of keys


def token_cipher(database: Database, token_key: str) -> TokenCipher:
    """Return the cipher for this database. Raises ConfigurationError without a usable key.

    Args:
        database: A SQLite database has a key file, which is created if necessary.
        token_key: WHOOP_TOKEN_KEY; empty to use the key file.
    """
    if token_key:
        given = keys_in(token_key, "WHOOP_TOKEN_KEY")
        # Keys from elsewhere are not mixed with keys of the environment.
        return TokenCipher(given, _from_environment if _from_environment() == given else list)
    path = key_file(database)
    return TokenCipher(_from_file(path, database), lambda: _reread_file(path))


def key_file(database: Database) -> Path:
    """Return the path of the key file next to the SQLite database.

    Raises ConfigurationError for other databases.
    """
    if database.path is None:
        raise ConfigurationError(
            'WHOOP_TOKEN_KEY is not set: create a key with `python -c "from cryptography.fernet import'
            " Fernet;"
            ' print(Fernet.generate_key().decode())"` and keep it as carefully as the database.'
        )
    return database.path.with_suffix(KEY_FILE_SUFFIX)


def keys_in(text: str, source: str) -> list[bytes]:
    """Return the keys in a comma-separated text. Raises ConfigurationError that names the source."""
    try:
        keys = [part.strip().encode() for part in text.split(",") if part.strip()]
        if not _by_fingerprint(keys):
            raise ValueError("there is no key")
    except ValueError:
        raise ConfigurationError(
            f"{source} does not hold Fernet keys: each is 44 characters of url-safe base64, several are"
            " separated by commas."
        ) from None
    return keys


def write_key_file(path: Path, keys: Iterable[bytes]) -> None:
    """Replace the key file atomically; only its owner can read it."""
    content = b",".join(keys) + b"\n"
    try:
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:
        raise ConfigurationError(
            f"The key file {path.name} cannot be written ({type(error).__name__}): check its permissions"
            " and that the disk has space, or set WHOOP_TOKEN_KEY."
        ) from None


def read_key_file(path: Path) -> list[bytes]:
    """Return the keys in the file. Raises ConfigurationError if it cannot be read or has other content."""
    name = f"The key file {path.name}"
    try:
        return keys_in(path.read_text(), name)
    except OSError as error:
        wrong = f"{name} cannot be read ({type(error).__name__}): check its type and its permissions"
    except (UnicodeDecodeError, ConfigurationError):
        wrong = f"{name} does not hold Fernet keys, each of them 44 characters of url-safe base64"
    raise ConfigurationError(
        f"{wrong}; restore it from your backup, or set WHOOP_TOKEN_KEY to the key that it held; {LOST}."
    )


def replace_unusable_file(path: Path, database: Database) -> Path | None:
    """Write a new key if the file contains no usable one.

    Returns where the old file was moved; None without any.
    """
    with database.write():
        try:
            read_key_file(path)
        except ConfigurationError:
            backup = _move_aside(path)
            write_key_file(path, [Fernet.generate_key()])
            return backup
    return None


def _move_aside(path: Path) -> Path | None:
    for number in range(1, _MAX_BACKUPS + 1):
        backup = path.with_name(f"{path.name}.unusable-{number}")
        if backup.exists():
            continue
        try:
            path.rename(backup)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(
                f"The key file {path.name} cannot be moved aside ({type(error).__name__}): move it away,"
                " then run `whoop-assets keys rotate --lost` again."
            ) from None
        return backup
    raise ConfigurationError(
        f"There are {_MAX_BACKUPS} unusable key files next to {path.name} already: move them away."
    )


def _from_environment() -> list[bytes]:
    # `.env` may have changed. If it cannot be read now, the known keys stay in use.
    with contextlib.suppress(ConfigurationError):
        text = Settings.from_environment().token_key.get_secret_value()
        return keys_in(text, "WHOOP_TOKEN_KEY") if text else []
    return []


def _reread_file(path: Path) -> list[bytes]:
    with contextlib.suppress(ConfigurationError, OSError):
        return read_key_file(path)
    return []


def _is_missing(path: Path) -> bool:
    """Return whether the key file is missing, or empty because its writer was killed."""
    try:
        return not path.exists() or not path.stat().st_size
    except OSError:
        return False  # `read_key_file` reports the error


def _from_file(path: Path, database: Database) -> list[bytes]:
    if _is_missing(path):
        # One process at a time: of two that start together, one creates the key and both use it.
        with database.write() as connection:
            if _is_missing(path):
                if not _nothing_is_encrypted(connection):
                    # A new key could not decrypt them, and restoring the old file later would lose the new
                    # key.
                    raise ConfigurationError(
                        f"The key file {path.name} is missing, and the stored tokens cannot be read"
                        " without it: restore it"
                        f" from your backup, or set WHOOP_TOKEN_KEY to the key that it held; {LOST}."
                    )
                write_key_file(path, [Fernet.generate_key()])
    return read_key_file(path)
