"""Errors of the API as RFC 9457 defines them: `application/problem+json` with type, title, status and detail.

No error shows which members or keys exist: an unknown member and a member of other readers give the same 404,
and a wrong key and a revoked key give the same 401.
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
    """An error response: its status, and one sentence with the reason and the way out."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return Response(
            json.dumps(body) + "\n", self.status, {**PRIVATE, **self.headers}, media_type=CONTENT_TYPE
        )
