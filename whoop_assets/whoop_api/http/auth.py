"""The bearer token of one request, and its replacement after a 401.

This module does not resend the request, because every attempt must pass the budget. The sender calls
`replace()` and then sends again.
"""

from __future__ import annotations

import httpx

from whoop_assets.whoop_api.errors import Unauthorized
from whoop_assets.whoop_api.protocols import TokenSource

MAX_REJECTIONS = 5
"""Of one request. More can only come from lost races without end."""


class BearerAuth:
    """The token of one request, for all its attempts."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self._token = ""
        self._rejections = 0
        self._renewed = False

    def load_token(self) -> None:
        """Load the token for the next attempt."""
        token = self._tokens.access_token()
        # httpx's own error for an invalid header quotes the header, and so the token.
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Unauthorized("The stored access token cannot be one of WHOOP's: connect the member again.")
        self._token = token

    def replace(self) -> bool:
        """Get another token after a 401.

        A token that another process stored meanwhile comes first, so that a lost race costs no refresh.

        Returns:
            False if WHOOP rejected the token that this request itself has renewed.
        """
        self._rejections += 1
        if self._rejections > MAX_REJECTIONS:
            return False
        if self._tokens.stored_since(self._token) is not None:
            return True
        if self._renewed:
            return False
        self._tokens.after_rejection(self._token)
        self._renewed = True
        return True

    def sign(self, request: httpx.Request) -> None:
        """Set the Authorization header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
