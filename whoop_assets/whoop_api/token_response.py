"""Reads responses of the token endpoint: a token pair or an error.

Messages quote only the error codes listed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from whoop_assets.errors import WhoopError
from whoop_assets.whoop_api.errors import (
    InvalidClient,
    InvalidGrant,
    OAuthError,
    UnreadableResponse,
    UnreadableTokenResponse,
    from_status,
)
from whoop_assets.whoop_api.http.response_body import RawResponse

TOKEN_PATH = "/token"
DEFAULT_LIFETIME_SECONDS = 3600
"""Used if the response states no valid lifetime."""

# The codes of RFC 6749 and of WHOOP's server.
_ERROR_CODES = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_state",
        "request_forbidden",
        "request_unauthorized",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    }
)


@dataclass(frozen=True)
class TokenPair:
    """Tokens that WHOOP granted.

    Attributes:
        access_token: Sent with each request.
        refresh_token: Valid for one refresh; None without the offline scope.
        expires_in: Lifetime of the access token in seconds.
        scopes: Granted scopes.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scopes: frozenset[str]


def error_code(code: object) -> str:
    """Return a known code unchanged, "" for none, and a neutral phrase for anything else."""
    if not code:
        return ""
    return code if isinstance(code, str) and code in _ERROR_CODES else "an error it does not document"


def read_pair(response: RawResponse, requested: Iterable[str]) -> TokenPair:
    """Return the tokens of a 2xx response.

    A pair that is rejected here is lost, so only the tokens themselves must be valid.

    Args:
        requested: The granted scopes if the response names none (RFC 6749, section 5.1).

    Raises:
        UnreadableTokenResponse: There is no usable pair.
    """
    body = _body(response)
    if body is None:
        raise _unreadable(response, "is not a JSON object")
    access, refresh = body.get("access_token"), body.get("refresh_token") or None
    if not _is_token(access) or not (refresh is None or _is_token(refresh)):
        raise _unreadable(response, "holds no usable token")
    scope = body.get("scope")
    scopes = frozenset(scope.split() if isinstance(scope, str) and scope.strip() else requested)
    lifetime = body.get("expires_in")
    if type(lifetime) is not int or not 0 < lifetime < 2**31:
        lifetime = DEFAULT_LIFETIME_SECONDS
    return TokenPair(str(access), refresh, lifetime, scopes)


def read_error(response: RawResponse, invalid_grant: InvalidGrant, retry_after: float | None) -> WhoopError:
    """Return the error for a response that is neither 2xx nor 5xx.

    Args:
        invalid_grant: The error to return for the code of that name.
        retry_after: Seconds that a 429 asks to wait.
    """
    status = response.status_code
    body = _body(response)
    code = error_code(body.get("error")) if body else ""
    if code == "invalid_grant":
        return invalid_grant  # also with 401, which the loser of two concurrent refreshes has received
    if status == 401 or code in ("invalid_client", "unauthorized_client"):
        return InvalidClient(
            "WHOOP does not accept this application: check WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET."
        )
    if status == 429:
        return from_status("POST", TOKEN_PATH, status, retry_after)
    if body is None:
        return UnreadableResponse(
            f"POST {TOKEN_PATH} returned {status} with a body that is not JSON: check WHOOP_OAUTH_URL.",
            path=TOKEN_PATH,
            status=status,
        )
    return OAuthError(f"WHOOP rejected the token request ({code or status}): connect the member again.")


def _body(response: RawResponse) -> dict[str, Any] | None:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _is_token(value: object) -> bool:
    # RFC 6750 allows visible ASCII; other text cannot be sent in a header.
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def _unreadable(response: RawResponse, what: str) -> UnreadableTokenResponse:
    status = response.status_code
    return UnreadableTokenResponse(
        f"POST {TOKEN_PATH} returned {status} with a body that {what}: its tokens are lost; connect again.",
        path=TOKEN_PATH,
        status=status,
    )
