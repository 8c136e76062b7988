"""Response bodies as JSON or CSV, their ETag, and the headers that keep them private."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whoop_assets.web.api.parameters import JSON

CONTENT_TYPES = {JSON: "application/json", "csv": "text/csv; charset=utf-8; header=present"}
HEADERS = {
    # Only the reader may cache it, and must revalidate it each time. An unchanged response is a 304.
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization, Accept",
    "X-Content-Type-Options": "nosniff",
}


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def etag(stamp: str, form: str) -> str:
    """Return the entity tag of this state in this format."""
    return f'"{stamp}-{form}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Return whether If-None-Match names this tag (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match is None:
        return False
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in known or "*" in known


def unchanged(tag: str, headers: Mapping[str, str]) -> Response:
    """Return a 304."""
    return Response(status_code=304, headers={**HEADERS, **headers, "ETag": tag})


def answer(request: Request, body: bytes, form: str, tag: str, headers: Mapping[str, str]) -> Response:
    """Return a 200 with the body, or a 304 if the client has it. The server sends only headers for a HEAD."""
    if matches(request.headers.get("if-none-match"), tag):
        return unchanged(tag, headers)
    return Response(body, 200, {**HEADERS, **headers, "ETag": tag, "Content-Type": CONTENT_TYPES[form]})


def rows_as_json(names: Sequence[str], rows: Iterable[Sequence[Any]], **beside: Any) -> bytes:
    """Return `{"data": [...]}` with an object per row, and the other members."""
    data = [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    return json.dumps(
        {"data": data, **beside}, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()


def rows_as_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return RFC 4180 CSV with a line of names. NULL is empty; a boolean is true or false."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in map(plain, row)] for row in rows)
    return text.getvalue().encode()


def plain(value: Any) -> Any:
    """Return the value for JSON: a day as YYYY-MM-DD, a time as RFC 3339 in UTC with a Z."""
    if isinstance(value, datetime):
        return value.isoformat().removesuffix("+00:00") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
