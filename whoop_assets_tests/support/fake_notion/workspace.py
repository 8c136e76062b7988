"""A fake Notion workspace: the part of Notion's API, version 2025-09-03, that the sink uses.

It checks the version header and the shape of every value. It supports pagination, the trash, the rate limit,
size limits, and a delay until queries return a new page. Tests can inject faults before or after a request is
processed. Other methods of `FakeNotion` do what a person does in Notion's app.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from whoop_assets.clock import Clock, SystemClock
from whoop_assets_tests.support.fake_notion.values import (
    EDITABLE,
    KINDS,
    Json,
    NotionErrorResponse,
    bad_request,
    empty_value,
    matches_filter,
    plain_value,
    shape_error,
    stored_form,
)

TOKEN = "ntn_test_secret"
VERSION = "2025-09-03"
WINDOW = timedelta(seconds=1)


class UnusableResponse(Exception):
    """The client gets no response (`silence`) or JSON of another form (`garbage`)."""


def not_found(kind: str, key: str) -> NotionErrorResponse:
    return NotionErrorResponse(
        404,
        "object_not_found",
        f"Could not find {kind} with ID: {key}. Make sure the relevant pages and databases are shared with"
        ' your integration "whoop".',
    )


@dataclass
class NotionRequest:
    """A received request and the status of its response; 0 if it got none."""

    method: str
    path: str
    body: Json
    at: datetime
    status: int = 0


@dataclass
class InjectedFault:
    """A fault of the next `times` matching requests, before or `after` they are processed."""

    kind: str
    matches: re.Pattern[str]
    times: int
    after: bool = False


@dataclass
class FakeNotion:
    """A workspace.

    Attributes:
        per_second: Rate limit; None for no limit.
        query_delay_seconds: Time until queries return a new page.
        on_request: Called before a request is processed, outside the lock.
        on_response: Called after a request was processed, before the response is sent.
    """

    clock: Clock = field(default_factory=SystemClock)
    per_second: int | None = 3
    query_delay_seconds: float = 0.0
    shared_pages: set[str] = field(default_factory=lambda: {str(uuid.uuid4())})
    databases: dict[str, Json] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)
    pages: dict[str, Json] = field(default_factory=dict)
    requests: list[NotionRequest] = field(default_factory=list)
    faults: list[InjectedFault] = field(default_factory=list)
    on_request: Callable[[NotionRequest], None] | None = None
    on_response: Callable[[NotionRequest], None] | None = None

    def __post_init__(self) -> None:
        self.url = ""
        self.lock = threading.RLock()

    # For tests

    def fault(self, kind: str, on: str = "", times: int = 1, *, after: bool = False) -> None:
        """Let the next requests fail that match the regular expression `on` with `METHOD /path`.

        Args:
            kind: A status, a status with `Retry-After` such as `429:7`, `silence` or `garbage`.
            on: Regular expression; empty matches every request.
            times: Number of requests.
            after: Process the request first.
        """
        self.faults.append(InjectedFault(kind, re.compile(on), times, after))

    def create_data_source(self, **properties: str) -> str:
        """Create a data source with the given property types; return its id."""
        schema: Json = {"Day": {"title": {}}} | {name: {kind: {}} for name, kind in properties.items()}
        parent = next(iter(self.shared_pages))
        made = self._create_database(
            {
                "parent": {"type": "page_id", "page_id": parent},
                "title": [],
                "initial_data_source": {"properties": schema},
            }
        )
        return str(made["data_sources"][0]["id"])

    def edit_page(self, page: str, **values: Json) -> None:
        """Change values of a page, as a person does in Notion's app."""
        self.pages[page]["properties"].update(
            self._stored(self.sources[self._source_of(page)]["properties"], values)
        )

    def create_page(self, source: str, **values: Json) -> str:
        """Create a page, as a person does in Notion's app; return its id."""
        body = {"parent": {"data_source_id": source}, "properties": values}
        return str(self._create_page(body)["id"])

    def move_to_trash(self, page: str) -> None:
        self.pages[page]["in_trash"] = self.pages[page]["archived"] = True

    def restore(self, page: str) -> None:
        self.pages[page]["in_trash"] = self.pages[page]["archived"] = False

    def delete_permanently(self, page: str) -> None:
        del self.pages[page]

    def page_values(self, page: str) -> dict[str, Any]:
        """Return the plain values of a page by property."""
        return {name: plain_value(value) for name, value in self.pages[page]["properties"].items()}

    def pages_by_day(self, source: str, *, trashed: bool = False) -> dict[tuple[Any, str], list[str]]:
        """Return the pages of a data source by member and day."""
        found: dict[tuple[Any, str], list[str]] = {}
        for key, page in self.pages.items():
            if self._source_of(key) == source and page["in_trash"] == trashed:
                page_values = self.page_values(key)
                found.setdefault((page_values["Member"], page_values["Date"]), []).append(key)
        return found

    def _source_of(self, page: str) -> str:
        return str(self.pages[page]["parent"]["data_source_id"])

    # Requests

    def respond(self, request: NotionRequest, headers: dict[str, str], raw: bytes) -> Json:
        with self.lock:
            self.requests.append(request)
            self._check_limit(request)
        if self.on_request is not None:
            self.on_request(request)
        self._apply_fault(request, after=False)
        with self.lock:
            if headers.get("authorization") != f"Bearer {TOKEN}":
                raise NotionErrorResponse(401, "unauthorized", "API token is invalid.")
            if "notion-version" not in headers:
                raise NotionErrorResponse(
                    400,
                    "missing_version",
                    "Notion-Version header failed validation: Notion-Version header should be defined,"
                    " instead was `undefined`.",
                )
            if headers["notion-version"] != VERSION:
                raise bad_request("Notion-Version header failed validation.")
            try:
                request.body = json.loads(raw) if raw else {}
            except ValueError:
                raise NotionErrorResponse(400, "invalid_json", "Error parsing JSON body.") from None
            response = self._route(request)
        if self.on_response is not None:
            self.on_response(request)
        self._apply_fault(request, after=True)
        return response

    def _check_limit(self, request: NotionRequest) -> None:
        """Enforce the limit without the bursts that Notion allows."""
        if self.per_second is None:
            return
        recent = [
            earlier
            for earlier in self.requests[-50:-1]
            if earlier.at > request.at - WINDOW and earlier.status != 429
        ]
        if len(recent) >= self.per_second:
            raise NotionErrorResponse(
                429, "rate_limited", "You have been rate limited.", **{"Retry-After": "1"}
            )

    def _apply_fault(self, request: NotionRequest, *, after: bool) -> None:
        with self.lock:
            fault = next(
                (
                    fault
                    for fault in self.faults
                    if fault.after == after
                    and fault.times > 0
                    and fault.matches.search(f"{request.method} {request.path}")
                ),
                None,
            )
            if fault is None:
                return
            fault.times -= 1
        kind, _, seconds = fault.kind.partition(":")
        if kind in ("silence", "garbage"):
            raise UnusableResponse(kind)
        codes = {"429": "rate_limited", "503": "service_unavailable", "529": "service_overload"}
        headers = {"Retry-After": seconds} if seconds else {}
        raise NotionErrorResponse(
            int(kind), codes.get(kind, "internal_server_error"), "Something went wrong.", **headers
        )

    def _route(self, request: NotionRequest) -> Json:
        parts = request.path.removeprefix("/v1/").split("/")
        match (request.method, *parts):
            case ("POST", "databases"):
                return self._create_database(request.body)
            case ("GET", "databases", key) if key in self.databases:
                return self.databases[key]
            case ("GET", "databases", key):
                raise not_found("database", key)
            case ("GET", "data_sources", key):
                return self._existing_source(key)
            case ("POST", "data_sources", key, "query"):
                return self._query(self._existing_source(key), request.body)
            case ("POST", "pages"):
                return self._create_page(request.body)
            case ("GET", "pages", key):
                return self._existing_page(key)
            case ("PATCH", "pages", key):
                return self._edit_page(self._existing_page(key), request.body)
        raise NotionErrorResponse(400, "invalid_request_url", "Invalid request URL.")

    def _existing_source(self, key: str) -> Json:
        if key not in self.sources:
            raise not_found("data source", key)
        return self.sources[key]

    def _existing_page(self, key: str) -> Json:
        if key not in self.pages:
            raise not_found("page", key)
        return self.pages[key]

    def _create_database(self, body: Json) -> Json:
        _reject_unknown_fields(
            body, {"parent", "title", "description", "is_inline", "initial_data_source", "icon", "cover"}
        )
        parent = (body.get("parent") or {}).get("page_id")
        if parent not in self.shared_pages:
            raise not_found("page", str(parent))
        properties = (body.get("initial_data_source") or {}).get("properties")
        if not isinstance(properties, dict):
            raise bad_request(
                "body failed validation: body.initial_data_source should be defined, instead was `undefined`."
            )
        schema = {}
        for name, definition in properties.items():
            kinds = [kind for kind in definition if kind in KINDS]
            if len(kinds) != 1:
                raise bad_request(
                    f"body failed validation: body.initial_data_source.properties.{name} is not valid."
                )
            options: Json = {"options": []} if kinds[0] in ("select", "multi_select") else {}
            schema[name] = {
                "id": uuid.uuid4().hex[:4], "name": name, "type": kinds[0],
                kinds[0]: {**definition[kinds[0]], **options},
            }  # fmt: skip
        if sum(entry["type"] == "title" for entry in schema.values()) != 1:
            raise bad_request("Title is not provided")
        database, source = str(uuid.uuid4()), str(uuid.uuid4())
        self.sources[source] = {
            "object": "data_source",
            "id": source,
            "parent": {"type": "database_id", "database_id": database},
            "properties": schema,
            "in_trash": False,
            "archived": False,
        }
        self.databases[database] = {
            "object": "database",
            "id": database,
            "title": body.get("title") or [],
            "url": f"https://www.notion.so/{database.replace('-', '')}",
            "data_sources": [{"id": source, "name": "WHOOP"}],
            "in_trash": False,
        }
        return self.databases[database]

    def _create_page(self, body: Json) -> Json:
        _reject_unknown_fields(
            body,
            {
                "parent",
                "properties",
                "icon",
                "cover",
                "children",
                "content",
                "template",
                "position",
                "markdown",
            },
        )
        parent = body.get("parent") or {}
        if "data_source_id" not in parent or parent.get("type", "data_source_id") != "data_source_id":
            raise bad_request(
                "body failed validation: body.parent.data_source_id should be defined, instead was"
                " `undefined`."
            )
        source = self._existing_source(parent["data_source_id"])
        if source["in_trash"]:
            raise bad_request(
                "Can't edit page on block with an archived ancestor. You must unarchive the ancestor."
            )
        schema = source["properties"]
        values = self._stored(schema, body.get("properties") or {})
        key, now = str(uuid.uuid4()), self.clock.now()
        empty = {
            name: {"id": entry["id"], "type": entry["type"], entry["type"]: empty_value(entry["type"])}
            for name, entry in schema.items()
        }
        self.pages[key] = {
            "object": "page",
            "id": key,
            "created_time": now.isoformat(),
            "last_edited_time": now.isoformat(),
            "parent": {"type": "data_source_id", "data_source_id": source["id"]},
            "in_trash": False,
            "archived": False,
            "properties": empty | values,
            "url": f"https://www.notion.so/{key.replace('-', '')}",
        }
        return self.pages[key]

    def _edit_page(self, page: Json, body: Json) -> Json:
        _reject_unknown_fields(
            body,
            {"properties", "icon", "cover", "is_locked", "template", "erase_content", "archived", "in_trash"},
        )
        restored = body.get("in_trash") is False or body.get("archived") is False
        if page["in_trash"] and not restored:
            raise bad_request(
                "Can't edit block that is archived. You must unarchive the block before editing."
            )
        schema = self.sources[page["parent"]["data_source_id"]]["properties"]
        page["properties"].update(self._stored(schema, body.get("properties") or {}))
        for name in ("in_trash", "archived"):
            if name in body:
                page["in_trash"] = page["archived"] = bool(body[name])
        page["last_edited_time"] = self.clock.now().isoformat()
        return page

    def _stored(self, schema: Json, given: Json) -> Json:
        """Return the values in stored form; reject values that do not fit the schema, as Notion does."""
        problems, shapes = [], []
        for name, value in given.items():
            if name not in schema:
                problems.append(f"{name} is not a property that exists.")
                continue
            kind = schema[name]["type"]
            stated = [key for key in value if key not in ("id", "type")] if isinstance(value, dict) else []
            if stated != [kind] or kind not in EDITABLE:
                problems.append(f"{name} is expected to be {kind}.")
            elif (shape := shape_error(kind, value[kind])) is not None:
                shapes.append(f"body.properties.{name}.{shape}")
        if shapes:
            raise bad_request(f"body failed validation: {' '.join(shapes)}")
        if problems:
            raise bad_request(" ".join(problems))
        return {
            name: {
                "id": schema[name]["id"],
                "type": schema[name]["type"],
                schema[name]["type"]: stored_form(value[schema[name]["type"]]),
            }
            for name, value in given.items()
        }

    def _query(self, source: Json, body: Json) -> Json:
        _reject_unknown_fields(
            body, {"filter", "sorts", "start_cursor", "page_size", "in_trash", "archived", "result_type"}
        )
        size = body.get("page_size", 100)
        if not isinstance(size, int) or not 1 <= size <= 100:
            raise bad_request(
                f"body failed validation: body.page_size should be ≤ `100`, instead was `{size}`."
            )
        trashed = bool(body.get("in_trash") or body.get("archived"))
        shown_until = self.clock.now() - timedelta(seconds=self.query_delay_seconds)
        found = [
            page
            for page in self.pages.values()
            if page["parent"]["data_source_id"] == source["id"]
            and page["in_trash"] == trashed
            and datetime.fromisoformat(page["created_time"]) <= shown_until
            and (
                "filter" not in body
                or matches_filter(source["properties"], page["properties"], body["filter"])
            )
        ]
        start = 0
        if "start_cursor" in body:
            ids = [page["id"] for page in found]
            if body["start_cursor"] not in ids:
                raise bad_request(f"The start_cursor provided is invalid: {body['start_cursor']}")
            start = ids.index(body["start_cursor"])
        rest = found[start + size :]
        return {
            "object": "list",
            "type": "page_or_data_source",
            "page_or_data_source": {},
            "results": found[start : start + size],
            "has_more": bool(rest),
            "next_cursor": rest[0]["id"] if rest else None,
        }


def _reject_unknown_fields(body: Json, allowed: set[str]) -> None:
    unknown = [name for name in body if name not in allowed]
    if unknown:
        raise bad_request(
            f"body failed validation: body.{unknown[0]} should be not present, instead was `...`."
        )
