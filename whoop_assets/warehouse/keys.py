"""The keys that encrypt tokens: Fernet keys from WHOOP_TOKEN_KEY, or one kept beside the embedded database."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select

from whoop_assets.errors import ConfigurationError
from whoop_assets.warehouse.database import Database
from whoop_assets.warehouse.tables import tokens

KEY_FILE_SUFFIX = ".token-key"


class TokenCipher:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: list[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def __repr__(self) -> str:
        return "TokenCipher(…)"

    def encrypt(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """The secret; raises ConfigurationError when none of the keys made the stored text."""
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise ConfigurationError(
                "The stored tokens were encrypted with another key: set WHOOP_TOKEN_KEY to the key that was in use"
                " when the members were connected; the tokens are kept as they are."
            ) from None


def token_cipher(database: Database, token_key: str) -> TokenCipher:
    """The cipher for this database; raises ConfigurationError without a usable key."""
    if token_key:
        return _from_text(token_key, "WHOOP_TOKEN_KEY")
    if not database.is_sqlite or not database.url.database or database.url.database == ":memory:":
        raise ConfigurationError(
            'WHOOP_TOKEN_KEY is not set: make a key with `python -c "from cryptography.fernet import Fernet;'
            ' print(Fernet.generate_key().decode())"` and keep it as carefully as the database.'
        )
    return _from_file(Path(database.url.database).absolute().with_suffix(KEY_FILE_SUFFIX), database)


def _from_text(text: str, source: str) -> TokenCipher:
    keys = [part.strip().encode() for part in text.split(",") if part.strip()]
    try:
        return TokenCipher(keys)
    except ValueError:
        raise ConfigurationError(
            f"{source} does not hold Fernet keys: each is 44 characters of url-safe base64, several are separated"
            " by commas, and the first one encrypts."
        ) from None


def _from_file(path: Path, database: Database) -> TokenCipher:
    # One process at a time: of two that start together one makes the key, and the other must not read half of it.
    with database.write() as connection:
        if not path.exists() or not path.stat().st_size:
            if connection.scalar(select(tokens.c.user_id).limit(1)) is not None:
                # A new key would read none of them, and members connected under it would not outlive the old one.
                raise ConfigurationError(
                    f"The key file {path.name} is gone, and the stored tokens cannot be read without it: put it back"
                    " from your backup, or set WHOOP_TOKEN_KEY to the key that it held."
                )
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
    return _from_text(path.read_text(), f"The key file {path.name}")
