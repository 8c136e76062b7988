"""What the token endpoint answers: a pair of tokens, or one of a few refusals. Pure; no text of an answer is
ever repeated, apart from the error codes listed here."""

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
from whoop_assets.whoop_api.response_body import RawResponse

TOKEN_PATH = "/token"
USUAL_LIFETIME = 3600  # seconds; when an answer does not say

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
    """What WHOOP grants: `expires_in` seconds of access; `refresh_token` is None without offline."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scopes: frozenset[str]


def error_code(code: object) -> str:
    """The code if it is one we know, "" if there is none, else words that stand for it."""
    if not code:
        return ""
    return code if isinstance(code, str) and code in _ERROR_CODES else "an error it does not document"


def read_pair(response: RawResponse, requested: Iterable[str]) -> TokenPair:
    """The tokens of a 2xx answer. An answer that names no scope grants what was requested (RFC 6749, 5.1).

    Lenient where that costs nothing, because a pair refused here is lost. Raises UnreadableTokenResponse.
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
        lifetime = USUAL_LIFETIME
    return TokenPair(str(access), refresh, lifetime, scopes)


def refusal(response: RawResponse, bad_grant: InvalidGrant, retry_after: float | None) -> WhoopError:
    """The error for an answer that is neither 2xx nor 5xx; `bad_grant` if it says invalid_grant."""
    status = response.status_code
    body = _body(response)
    code = error_code(body.get("error")) if body else ""
    if code == "invalid_grant":
        return bad_grant  # also with 401, which the loser of two refreshes was seen to get
    if status == 401 or code in ("invalid_client", "unauthorized_client"):
        return InvalidClient(
            "WHOOP does not accept this application: check WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET."
        )
    if status == 429:
        return from_status("POST", TOKEN_PATH, status, retry_after)
    if body is None:
        return UnreadableResponse(
            f"POST {TOKEN_PATH} answered {status} with a body that is not JSON: check WHOOP_OAUTH_URL.",
            path=TOKEN_PATH,
            status=status,
        )
    return OAuthError(f"WHOOP refused the token request ({code or status}): connect the member again.")


def _body(response: RawResponse) -> dict[str, Any] | None:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _is_token(value: object) -> bool:
    # What cannot stand in a header is no token: RFC 6750 allows visible ASCII.
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def _unreadable(response: RawResponse, what: str) -> UnreadableTokenResponse:
    status = response.status_code
    sentence = (
        f"POST {TOKEN_PATH} answered {status} with a body that {what}: its tokens are lost; connect again."
    )
    return UnreadableTokenResponse(sentence, path=TOKEN_PATH, status=status)
