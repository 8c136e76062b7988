"""Errors of the WHOOP API (`ApiError`) and of its OAuth server (`OAuthError`).

`transient` means that the same call may succeed later. Messages name method, path and status. They quote no
body, token or member data.
"""

from __future__ import annotations

from whoop_assets.errors import WhoopError


class ApiError(WhoopError):
    """A data request failed.

    Attributes:
        path: The request's path.
        status: HTTP status; None without a response.
        transient: Whether the same request may succeed later.
        retry_after: Seconds that WHOOP asks to wait; None if it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        status: int | None = None,
        transient: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.status = status
        if transient is not None:
            self.transient = transient
        self.retry_after = retry_after


class BadRequest(ApiError):
    """400: WHOOP does not accept the parameters."""


class Unauthorized(ApiError):
    """401: WHOOP does not accept the token, or a scope is missing."""


class NotFound(ApiError):
    """404: WHOOP has no such record."""


class Refused(ApiError):
    """An undocumented status, or 403."""


class RateLimited(ApiError):
    """429: `retry_after` is the wait in seconds, if WHOOP stated it."""

    transient = True


class ServerFault(ApiError):
    """5xx, after all retries."""

    transient = True


class NetworkFault(ApiError):
    """No complete response: connection failed, reset, cut off or timed out."""

    transient = True


class Unavailable(ApiError):
    """The request was not sent: earlier faults used up the time that a run may lose to them."""

    transient = True


class UnreadableResponse(ApiError):
    """The status is a success, but the body is not what the API documents."""


RECORD_FAULTS = (ServerFault, Unavailable, UnreadableResponse, BadRequest, Refused)
"""Errors of a record's own URL that may concern this record only."""


class CursorRepeated(ApiError):
    """The page cursor returned to an earlier page, or brought nothing new: paging would never end."""

    transient = True


class InvalidIdentifier(ApiError):
    """The text cannot be an id of WHOOP, so it must not become part of a URL."""


class OAuthError(WhoopError):
    """Connecting a member or refreshing tokens failed."""


class InvalidClient(OAuthError):
    """WHOOP does not accept the application's client id and secret."""


class InvalidGrant(OAuthError):
    """The authorization code or refresh token is not valid (any more)."""


class ConsentDenied(OAuthError):
    """The member declined on WHOOP's consent page."""


class ConsentFailed(OAuthError):
    """The consent page returned an error, or no code."""


class StateMismatch(OAuthError):
    """The redirect does not carry the state of this attempt."""


class TokenResponseLost(OAuthError):
    """The request was sent and no readable response arrived: the code may be used up."""

    transient = True


class RefreshResponseLost(TokenResponseLost):
    """The same for a refresh: the refresh token may be valid or used up. Never resend it without a check."""


class UnreadableTokenResponse(UnreadableResponse, RefreshResponseLost):
    """The token endpoint returned a success that cannot be read: the code or refresh token is used up."""

    transient = True


_KNOWN: dict[int, tuple[type[ApiError], str]] = {
    400: (BadRequest, "WHOOP did not accept the parameters; this is a fault of the caller"),
    401: (Unauthorized, "the access token is not accepted or lacks the scope; connect the member again"),
    403: (Refused, "WHOOP forbids it; the membership may be inactive"),
    404: (NotFound, "WHOOP has no such record"),
    408: (ServerFault, "WHOOP timed out; try again later"),
    429: (RateLimited, "the request limit is reached; try again later"),
}
_FAULT: tuple[type[ApiError], str] = (ServerFault, "WHOOP has a fault; try again later")
_UNDOCUMENTED: tuple[type[ApiError], str] = (Refused, "WHOOP documents no such status; check WHOOP_API_URL")


def from_status(method: str, path: str, status: int, retry_after: float | None = None) -> ApiError:
    """Return the error for a status that is not a 2xx; `retry_after` in seconds."""
    kind, reason = _KNOWN.get(status, _FAULT if status >= 500 else _UNDOCUMENTED)
    if status == 429 and retry_after is not None:
        reason = f"the request limit is reached; try again in {retry_after:.0f} s"
    message = f"{method} {path} answered {status}: {reason}."
    return kind(message, path=path, status=status, retry_after=retry_after)
