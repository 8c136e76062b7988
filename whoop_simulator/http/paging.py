"""The query of a collection: limit, start, end, and the cursor, which is an offset into the current data."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

from whoop_simulator.timestamps import from_text

DEFAULT_LIMIT, MAX_LIMIT = 10, 25


class BadQuery(Exception):
    """The query is invalid and gets 400."""


@dataclass(frozen=True)
class PageQuery:
    start: int | None
    end: int | None
    limit: int
    offset: int


def read_query(query: Mapping[str, str]) -> PageQuery:
    """Parse the query. The cursor is `nextToken`; a parameter `next_token` is ignored, as WHOOP does."""
    limit = DEFAULT_LIMIT
    if "limit" in query:
        text = query["limit"]
        if (
            not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 9)
            or not 1 <= int(text) <= MAX_LIMIT
        ):
            raise BadQuery(f"limit must be between 1 and {MAX_LIMIT}")
        limit = int(text)
    token = query.get("nextToken", "")
    return PageQuery(
        start=_instant(query, "start"),
        end=_instant(query, "end"),
        limit=limit,
        offset=offset_of(token) if token else 0,
    )


def token_for(offset: int) -> str:
    return base64.b64encode(f'{{"$":"o@1","o":{offset}}}'.encode()).decode()


def offset_of(token: str) -> int:
    try:
        cursor = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        raise BadQuery("nextToken is not a cursor") from None
    offset = cursor.get("o") if isinstance(cursor, dict) and cursor.get("$") == "o@1" else None
    if type(offset) is not int or not 0 <= offset < 1 << 31:
        raise BadQuery("nextToken is not a cursor")
    return offset


def _instant(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    try:
        return from_text(query[name])
    except ValueError as error:
        raise BadQuery(f"{name}: {error}") from None
