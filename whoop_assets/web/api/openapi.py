"""The OpenAPI 3.1 document of the API, made from what the rows consist of, so that it cannot grow apart from them."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from whoop_assets.web.api.parameters import DEFAULT_LIMIT, LARGEST_ID, MOST_ROWS
from whoop_assets.web.api.queries import (
    AT_MOST_EVERY,
    COLUMNS,
    LOOKED_BACK,
    STALE_WITH,
    STALE_WITHOUT,
    DailyColumn,
)

Document = dict[str, Any]

PREFIX = "/api/v1"
DAILY, RECOVERY_STATUS, OPENAPI = "/whoop/daily", "/whoop/recovery-status", "/openapi.json"

_MINUTES = 60

STATUS = (
    DailyColumn("user_id", "integer", False, "WHOOP user id, or a negative number of our own"),
    DailyColumn("today", "date", False, "the member's local date"),
    DailyColumn("today_exists", "boolean", False, "whether today has a daily row"),
    DailyColumn("recovery_exists", "boolean", False, "whether that row has a recovery"),
    DailyColumn(
        "is_stale",
        "boolean",
        False,
        f"whether today's recovery was last looked for {STALE_WITHOUT.seconds // _MINUTES} minutes ago or longer, or, once it is"
        f" here, {STALE_WITH.seconds // 3600} hours",
    ),
    DailyColumn(
        "recovery_changed_at",
        "date-time",
        True,
        f"when a recovery of the last {LOOKED_BACK.days} days last changed here",
    ),
    DailyColumn(
        "recovery_looked_at", "date-time", True, "when WHOOP was last asked for what today's would be in"
    ),
    DailyColumn(
        "reading_asked_at", "date-time", True, "when a reader last asked for a reading by opening today"
    ),
)
STATUS_FIELDS = tuple(column.name for column in STATUS)

_TYPES: dict[str, Document] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
}
_PROBLEMS = {
    "400": ("BadRequest", "A parameter is missing, unknown, given twice, or cannot be understood."),
    "401": ("Unauthorized", "There is no key, or it is not good, or not any more."),
    "404": ("NotFound", "The key reads no such member, who may not be here at all."),
    "406": ("NotAcceptable", "Neither application/json nor text/csv is accepted."),
    "429": (
        "TooManyRequests",
        "The key has sent its requests of this minute: Retry-After says when to come back.",
    ),
    "503": ("Unavailable", "The database does not answer."),
}


def document() -> Document:
    """The document; its server is relative to wherever the service is reached."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "whoop_assets daily API",
            "version": version("whoop-assets"),
            "description": "Daily rows of members' WHOOP data. It only reads what is stored, and never waits for WHOOP.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "paths": {
            DAILY: {"get": _daily()},
            RECOVERY_STATUS: {"get": _recovery_status()},
            OPENAPI: {"get": _openapi()},
        },
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A reader's key, from `whoop-assets readers add`.",
                }
            },
            "schemas": {
                "DailyRow": _row(
                    COLUMNS, "One member's WHOOP day. What WHOOP did not score is null, never 0."
                ),
                "DailyPage": _object(
                    {
                        "data": _list_of("DailyRow"),
                        "next_cursor": {
                            "type": ["string", "null"],
                            "description": "`cursor` of the next page; null: this is the last.",
                        },
                    }
                ),
                "RecoveryStatus": _row(
                    STATUS, "How fresh a member's recovery is, from what is stored: an advice."
                ),
                "RecoveryStatuses": _object({"data": _list_of("RecoveryStatus")}),
                "Problem": _object(
                    {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    }
                ),
            },
            "responses": {name: _problem(status, meaning) for status, (name, meaning) in _PROBLEMS.items()},
        },
    }


def _daily() -> Document:
    minutes = AT_MOST_EVERY.seconds // _MINUTES
    return {
        "operationId": "daily",
        "summary": "Daily rows, by day and member",
        "description": "Opening a member's today while its recovery is stale asks for a reading of the member's last days, at most"
        f" once in {minutes} minutes: open it again later. The answer does not wait for it.",
        "parameters": [
            _parameter("from", {"type": "string", "format": "date"}, "first WHOOP day", required=True),
            _parameter("to", {"type": "string", "format": "date"}, "last WHOOP day, included", required=True),
            _MEMBER,
            _parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": DEFAULT_LIMIT},
                "most rows of a page",
            ),
            _parameter("cursor", {"type": "string"}, "`next_cursor` of the page before"),
            _FORMAT,
        ],
        "responses": _responses("DailyPage", COLUMNS, links=True),
    }


def _recovery_status() -> Document:
    return {
        "operationId": "recoveryStatus",
        "summary": "How fresh today's recovery is, by member",
        "parameters": [_MEMBER, _FORMAT],
        "responses": _responses("RecoveryStatuses", STATUS),
    }


def _openapi() -> Document:
    return {
        "operationId": "openapi",
        "summary": "This document",
        "security": [],
        "responses": {
            "200": {
                "description": "The document.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "304": {"description": "What the reader has is still so."},
        },
    }


def _parameter(name: str, schema: Document, meaning: str, *, required: bool = False) -> Document:
    return {"name": name, "in": "query", "required": required, "description": meaning, "schema": schema}


_MEMBER = _parameter(
    "member",
    {
        "type": "integer",
        "format": "int64",
        "minimum": -LARGEST_ID,
        "maximum": LARGEST_ID,
        "not": {"const": 0},
    },
    "WHOOP user id, or the negative number of a member from an export; all whom the key reads when left out",
)
_FORMAT = _parameter(
    "format",
    {"type": "string", "enum": ["json", "csv"]},
    "what Accept says when left out, JSON if that says neither",
)


def _responses(schema: str, columns: Sequence[DailyColumn], *, links: bool = False) -> Document:
    headers: Document = {
        "ETag": {"schema": {"type": "string"}, "description": "send it back as If-None-Match"}
    }
    if links:
        headers["Link"] = {
            "schema": {"type": "string"},
            "description": 'the next page, rel="next"; none on the last',
        }
    names = ", ".join(column.name for column in columns)
    return {
        "200": {
            "description": "What was asked for.",
            "headers": headers,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}},
                "text/csv": {
                    "schema": {"type": "string", "description": f"A line of names, then the rows: {names}"}
                },
            },
        },
        "304": {"description": "What the reader has is still so."},
        **{status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in _PROBLEMS.items()},
    }


def _problem(status: str, meaning: str) -> Document:
    found: Document = {
        "description": meaning,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in ("429", "503"):
        found["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return found


def _row(columns: Sequence[DailyColumn], meaning: str) -> Document:
    return {**_object({column.name: _value(column) for column in columns}), "description": meaning}


def _value(column: DailyColumn) -> Document:
    kind = dict(_TYPES[column.kind])
    if column.nullable:
        kind["type"] = [kind["type"], "null"]
    return {**kind, "description": column.meaning}


def _object(properties: Document) -> Document:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list_of(schema: str) -> Document:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}
