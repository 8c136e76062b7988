"""The bearer token of one request, and its single replacement.

The second attempt after a 401 is not sent from here: every attempt must pass the budget, so the sending loop
asks `replace()` and sends again itself.
"""

from __future__ import annotations

import httpx

from whoop_assets.whoop_api.errors import Unauthorized
from whoop_assets.whoop_api.protocols import TokenSource

MOST_REJECTIONS = 5  # of one request; more can only be lost races without end


class BearerAuth:
    """One per request; every attempt of the request goes through it."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self._token = ""
        self._rejections = 0
        self._renewed = False

    def take(self) -> None:
        """Choose the token of the next attempt; costs nothing while the last one is good."""
        self._token = _sendable(self._tokens.access_token())

    def replace(self) -> bool:
        """After a 401: get another token. False when WHOOP rejects the very token that this request has had renewed.

        What somebody else has stored meanwhile is tried first, so that a lost race costs no renewal, also when it is
        lost after our own.
        """
        self._rejections += 1
        if self._rejections > MOST_REJECTIONS:
            return False
        if self._tokens.stored_since(self._token) is not None:
            return True
        if self._renewed:
            return False
        self._tokens.after_rejection(self._token)
        self._renewed = True
        return True

    def sign(self, request: httpx.Request) -> None:
        """Put the token that was taken last on the request."""
        request.headers["Authorization"] = f"Bearer {self._token}"


def _sendable(token: str) -> str:
    # httpx's own error for a bad header quotes the header, and so the token.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unauthorized("The stored access token cannot be one of WHOOP's: connect the member again.")
    return token
