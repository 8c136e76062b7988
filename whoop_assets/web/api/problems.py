"""Errors of the API, as RFC 9457 has them: `application/problem+json` with type, title, status and detail.

None tells who exists: a member whom the reader may not read and one who is not here at all are the same 404, and a key that is
wrong, revoked or never was is the same 401.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

CONTENT_TYPE = "application/problem+json"
PRIVATE = {
    "Cache-Control": "private, no-store",
    "Vary": "Authorization, Accept",
    "X-Content-Type-Options": "nosniff",
}


class Problem(Exception):
    """A request that is not answered with what it asked for: the status, and one sentence that says why and what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return Response(
            json.dumps(body) + "\n", self.status, {**PRIVATE, **self.headers}, media_type=CONTENT_TYPE
        )


def no_key() -> Problem:
    """Nobody says who asks."""
    return Problem(
        401,
        "This needs a reader's key: send it as `Authorization: Bearer KEY`.",
        {"WWW-Authenticate": 'Bearer realm="whoop-assets"'},
    )


def wrong_key() -> Problem:
    """What was sent is nobody's key, or not any more."""
    return Problem(
        401,
        "This key is not good, or not any more: ask whoever runs this service for another one.",
        {"WWW-Authenticate": 'Bearer realm="whoop-assets", error="invalid_token"'},
    )


def no_such_member() -> Problem:
    """The member is not here, or not for this reader."""
    return Problem(404, "This key reads no such member.")


def too_many(limit: int, seconds: int) -> Problem:
    """The reader has sent its requests of this minute."""
    return Problem(
        429,
        f"This key may send {limit} requests a minute: come back in {seconds} seconds.",
        {"Retry-After": str(seconds)},
    )


def unavailable() -> Problem:
    """The database does not answer."""
    return Problem(503, "This does not work at the moment: try again later.", {"Retry-After": "10"})
