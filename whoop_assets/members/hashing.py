"""The form in which the database stores secrets: of links, attempts, sessions and readers' keys."""

import hashlib


def hashed(secret: str) -> str:
    """Return the SHA-256 of a secret with 256 random bits. A slow hash is necessary only for guessable ones.

    Rows are looked up by the hash, so that the duration of a look-up reveals nothing about the secret.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
