"""Everything that can go wrong between us and WHOOP. The family:

WhoopError                      (whoop_assets.errors: the root of the whole project)
  ApiError                      .status  .path  .transient  .retry_after
    BadRequest                  400: we asked for something WHOOP does not understand
    Unauthorized                401, also with a token that was just renewed
    NotFound                    404
    Refused                     any other answer that is neither 2xx nor 5xx (403, redirects, ...)
    RateLimited                 429 for longer than a run should wait     (transient)
    ServerFault                 5xx, for as long as a request is retried  (transient)
    NetworkFault                no whole answer came                      (transient)
    Unavailable                 nothing was sent: faults have used up the run's time      (transient)
    UnreadableResponse            2xx, but not the JSON that was asked for
    CursorRepeated              the pages of a collection led in a circle, or nowhere     (transient)
    InvalidIdentifier           not an id of WHOOP: nothing was sent
  OAuthError                    .transient (a token endpoint's 429, other refusal or dead network: as above)
    InvalidClient               WHOOP does not know this client id and secret
    InvalidGrant                the code or refresh token is spent, revoked or expired
    ConsentDenied               the member said no
    ConsentFailed               the consent page ended without a code
    StateMismatch               the redirect belongs to another attempt (or is forged)
    TokenResponseLost             the code may be spent, its tokens did not arrive  (transient)
      RefreshResponseLost         the same for a refresh token: it may be spent
        UnreadableTokenResponse   the answer came and could not be read; also an UnreadableResponse

`transient`: the same call may succeed later without anybody doing anything.
Messages name the method, the path and the status. They never quote a body, a token or a member's data.
"""

from __future__ import annotations

from typing import ClassVar

from whoop_assets.errors import WhoopError


class ApiError(WhoopError):
    """A data request failed. `status` is None when no answer came; `retry_after` is in seconds, if known."""

    usually_transient: ClassVar[bool] = False

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
        self.transient = self.usually_transient if transient is None else transient
        self.retry_after = retry_after


class BadRequest(ApiError):
    """400: the parameters were not accepted."""


class Unauthorized(ApiError):
    """401: the token, or the scope it lacks, was not accepted, even after a renewal."""


class NotFound(ApiError):
    """404: WHOOP has no such record (any more)."""


class Refused(ApiError):
    """An answer that is neither a success nor a known failure."""


class RateLimited(ApiError):
    """429: `retry_after` says how many seconds WHOOP asks to wait, if it said."""

    usually_transient = True


class ServerFault(ApiError):
    """5xx, for as long as a request is retried."""

    usually_transient = True


class NetworkFault(ApiError):
    """No whole answer: refused, reset, cut off or timed out, for as long as a request is retried."""

    usually_transient = True


class Unavailable(ApiError):
    """The request was not sent: earlier faults have used up the time that a run may lose to them."""

    usually_transient = True


class UnreadableResponse(ApiError):
    """A success by its status whose body is not what the API promises."""


class CursorRepeated(ApiError):
    """The page cursor came back to a page already read, or led nowhere: going on would never end."""

    usually_transient = True


class InvalidIdentifier(ApiError):
    """An id that cannot be WHOOP's, and so must not become part of a URL."""


class OAuthError(WhoopError):
    """Connecting a member, or renewing a member's tokens, failed."""


class InvalidClient(OAuthError):
    """WHOOP does not accept the application's client id and secret."""


class InvalidGrant(OAuthError):
    """The authorization code or refresh token is not (or no longer) good."""


class ConsentDenied(OAuthError):
    """The member declined on WHOOP's consent page."""


class ConsentFailed(OAuthError):
    """The consent page came back with an error, or without a code."""


class StateMismatch(OAuthError):
    """The redirect does not carry the state of this attempt."""


class TokenResponseLost(OAuthError):
    """The request went out and no readable answer came back: the code may be spent."""

    transient = True


class RefreshResponseLost(TokenResponseLost):
    """The same for a refresh: the refresh token may still be good, or be spent. Never resend it blindly."""


class UnreadableTokenResponse(UnreadableResponse, RefreshResponseLost):
    """The token endpoint answered with a success that could not be read: what was sent is spent."""

    usually_transient = True


_KNOWN: dict[int, tuple[type[ApiError], str]] = {
    400: (BadRequest, "WHOOP did not accept the parameters; this is a fault of the caller"),
    401: (Unauthorized, "the access token is not accepted or lacks the scope; connect the member again"),
    403: (Refused, "WHOOP forbids it; the membership may be inactive"),
    404: (NotFound, "WHOOP has no such record"),
    408: (ServerFault, "WHOOP timed out; try again later"),
    429: (RateLimited, "the request limit is reached; try again later"),
}
_FAULT: tuple[type[ApiError], str] = (ServerFault, "WHOOP has a fault; try again later")
_UNDOCUMENTED: tuple[type[ApiError], str] = (Refused, "WHOOP documents no such answer; check WHOOP_API_URL")


def from_status(method: str, path: str, status: int, retry_after: float | None = None) -> ApiError:
    """The error for an answer that is not a success."""
    kind, reason = _KNOWN.get(status, _FAULT if status >= 500 else _UNDOCUMENTED)
    if status == 429 and retry_after is not None:
        reason = f"the request limit is reached; try again in {retry_after:.0f} s"
    message = f"{method} {path} answered {status}: {reason}."
    return kind(message, path=path, status=status, retry_after=retry_after)
