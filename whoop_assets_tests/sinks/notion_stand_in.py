"""A Notion on this machine: the part of the API of version 2025-09-03 that pages in a data source need.

Faithful in what a client can trip over: the version header, the schema of every value (with Notion's own
words), pagination, the bin, the limit of requests, size limits, faults before and after a request was carried
out, and a query that shows a new page only after a while. What people do in Notion's app is done by the
methods of `NotionStandIn`.
"""

import json
import re
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from whoop_assets.clock import Clock, SystemClock

TOKEN = "ntn_stand_in_secret"
VERSION = "2025-09-03"
EDITABLE = {"title", "rich_text", "number", "select", "multi_select", "date", "checkbox", "url", "status"}
KINDS = EDITABLE | {
    "formula",
    "rollup",
    "people",
    "files",
    "relation",
    "email",
    "phone_number",
    "created_time",
}
WINDOW = timedelta(seconds=1)

Json = dict[str, Any]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class Silence(Exception):
    """No answer at all."""


def invalid(message: str) -> Refused:
    return Refused(400, "validation_error", message)


def missing(what: str, key: str) -> Refused:
    return Refused(
        404,
        "object_not_found",
        f"Could not find {what} with ID: {key}. Make sure the relevant pages and databases are shared with"
        " your"
        ' integration "whoop".',
    )


@dataclass
class Asked:
    """A request that came, and its status; 0: it got no answer."""

    method: str
    path: str
    body: Json
    at: datetime
    status: int = 0


@dataclass
class Fault:
    """What goes wrong with the requests that match: `before` they are carried out, or after."""

    kind: str
    matches: re.Pattern[str]
    times: int
    after: bool = False


@dataclass
class NotionStandIn:
    """The workspace. `per_second`: the limit; `lag`: so long a query does not show a new page, seconds."""

    clock: Clock = field(default_factory=SystemClock)
    per_second: int | None = 3
    lag: float = 0.0
    shared_pages: set[str] = field(default_factory=lambda: {str(uuid.uuid4())})
    databases: dict[str, Json] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)
    pages: dict[str, Json] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    on_request: Callable[[Asked], None] | None = None
    """Called before a request is carried out, outside the lock."""
    on_done: Callable[[Asked], None] | None = None
    """Called after it, before the answer is sent."""

    def __post_init__(self) -> None:
        self.url = ""
        self.lock = threading.RLock()

    # What tests ask and do

    @property
    def counted(self) -> Counter[str]:
        """Requests by method and kind of path."""
        kinds = (f"{one.method} {re.sub(r'[0-9a-f-]{36}', '*', one.path)}" for one in self.asked)
        return Counter(kinds)

    def fault(self, kind: str, on: str = "", times: int = 1, *, after: bool = False) -> None:
        """Let the next requests that match `METHOD /path` fail: a status, `429:SECONDS`, `silence` or
        `garbage`.
        """
        self.faults.append(Fault(kind, re.compile(on), times, after))

    def make_source(self, **properties: str) -> str:
        """A data source with properties of these types, made by hand."""
        schema: Json = {"Day": {"title": {}}} | {name: {kind: {}} for name, kind in properties.items()}
        parent = next(iter(self.shared_pages))
        made = self._make_database(
            {
                "parent": {"type": "page_id", "page_id": parent},
                "title": [],
                "initial_data_source": {"properties": schema},
            }
        )
        return str(made["data_sources"][0]["id"])

    def write(self, page: str, **values: Json) -> None:
        """Somebody writes into a page."""
        self.pages[page]["properties"].update(
            self._stored(self.sources[self._source_of(page)]["properties"], values)
        )

    def write_page(self, source: str, **values: Json) -> str:
        """Somebody makes a page."""
        body = {"parent": {"data_source_id": source}, "properties": values}
        return str(self._make_page(body)["id"])

    def bin(self, page: str) -> None:
        self.pages[page]["in_trash"] = self.pages[page]["archived"] = True

    def restore(self, page: str) -> None:
        self.pages[page]["in_trash"] = self.pages[page]["archived"] = False

    def delete_for_good(self, page: str) -> None:
        del self.pages[page]

    def shown(self, page: str) -> dict[str, Any]:
        """What a page says, as plainly as can be."""
        return {name: _plainly(value) for name, value in self.pages[page]["properties"].items()}

    def by_day(self, source: str, *, in_bin: bool = False) -> dict[tuple[Any, str], list[str]]:
        """(member, day) -> pages of the data source."""
        found: dict[tuple[Any, str], list[str]] = {}
        for key, page in self.pages.items():
            if self._source_of(key) == source and page["in_trash"] == in_bin:
                shown = self.shown(key)
                found.setdefault((shown["Member"], shown["Date"]), []).append(key)
        return found

    def _source_of(self, page: str) -> str:
        return str(self.pages[page]["parent"]["data_source_id"])

    # Answering

    def answer(self, asked: Asked, headers: dict[str, str], raw: bytes) -> Json:
        with self.lock:
            self.asked.append(asked)
            self._check_limit(asked)
        if self.on_request is not None:
            self.on_request(asked)
        self._fail(asked, after=False)
        with self.lock:
            if headers.get("authorization") != f"Bearer {TOKEN}":
                raise Refused(401, "unauthorized", "API token is invalid.")
            if "notion-version" not in headers:
                raise Refused(
                    400,
                    "missing_version",
                    "Notion-Version header failed validation: Notion-Version header should be defined,"
                    " instead was"
                    " `undefined`.",
                )
            if headers["notion-version"] != VERSION:
                raise invalid("Notion-Version header failed validation.")
            try:
                asked.body = json.loads(raw) if raw else {}
            except ValueError:
                raise Refused(400, "invalid_json", "Error parsing JSON body.") from None
            answer = self._route(asked)
        if self.on_done is not None:
            self.on_done(asked)
        self._fail(asked, after=True)
        return answer

    def _check_limit(self, asked: Asked) -> None:
        """Notion allows bursts beyond the average; here there are none."""
        if self.per_second is None:
            return
        recent = [one for one in self.asked[-50:-1] if one.at > asked.at - WINDOW and one.status != 429]
        if len(recent) >= self.per_second:
            raise Refused(429, "rate_limited", "You have been rate limited.", **{"Retry-After": "1"})

    def _fail(self, asked: Asked, *, after: bool) -> None:
        with self.lock:
            fault = next(
                (
                    one
                    for one in self.faults
                    if one.after == after
                    and one.times > 0
                    and one.matches.search(f"{asked.method} {asked.path}")
                ),
                None,
            )
            if fault is None:
                return
            fault.times -= 1
        kind, _, seconds = fault.kind.partition(":")
        if kind in ("silence", "garbage"):
            raise Silence(kind)
        codes = {"429": "rate_limited", "503": "service_unavailable", "529": "service_overload"}
        headers = {"Retry-After": seconds} if seconds else {}
        raise Refused(int(kind), codes.get(kind, "internal_server_error"), "Something went wrong.", **headers)

    def _route(self, asked: Asked) -> Json:
        parts = asked.path.removeprefix("/v1/").split("/")
        match (asked.method, *parts):
            case ("POST", "databases"):
                return self._make_database(asked.body)
            case ("GET", "databases", key) if key in self.databases:
                return self.databases[key]
            case ("GET", "databases", key):
                raise missing("database", key)
            case ("GET", "data_sources", key):
                return self._existing_source(key)
            case ("POST", "data_sources", key, "query"):
                return self._query(self._existing_source(key), asked.body)
            case ("POST", "pages"):
                return self._make_page(asked.body)
            case ("GET", "pages", key):
                return self._existing_page(key)
            case ("PATCH", "pages", key):
                return self._edit_page(self._existing_page(key), asked.body)
        raise Refused(400, "invalid_request_url", "Invalid request URL.")

    def _existing_source(self, key: str) -> Json:
        if key not in self.sources:
            raise missing("data source", key)
        return self.sources[key]

    def _existing_page(self, key: str) -> Json:
        if key not in self.pages:
            raise missing("page", key)
        return self.pages[key]

    def _make_database(self, body: Json) -> Json:
        _only(body, {"parent", "title", "description", "is_inline", "initial_data_source", "icon", "cover"})
        parent = (body.get("parent") or {}).get("page_id")
        if parent not in self.shared_pages:
            raise missing("page", str(parent))
        properties = (body.get("initial_data_source") or {}).get("properties")
        if not isinstance(properties, dict):
            raise invalid(
                "body failed validation: body.initial_data_source should be defined, instead was `undefined`."
            )
        schema = {}
        for name, wanted in properties.items():
            kinds = [kind for kind in wanted if kind in KINDS]
            if len(kinds) != 1:
                raise invalid(
                    f"body failed validation: body.initial_data_source.properties.{name} is not valid."
                )
            options: Json = {"options": []} if kinds[0] in ("select", "multi_select") else {}
            schema[name] = {
                "id": uuid.uuid4().hex[:4], "name": name, "type": kinds[0],
                kinds[0]: {**wanted[kinds[0]], **options},
            }  # fmt: skip
        if sum(one["type"] == "title" for one in schema.values()) != 1:
            raise invalid("Title is not provided")
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

    def _make_page(self, body: Json) -> Json:
        _only(
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
            raise invalid(
                "body failed validation: body.parent.data_source_id should be defined, instead was"
                " `undefined`."
            )
        source = self._existing_source(parent["data_source_id"])
        if source["in_trash"]:
            raise invalid(
                "Can't edit page on block with an archived ancestor. You must unarchive the ancestor."
            )
        schema = source["properties"]
        values = self._stored(schema, body.get("properties") or {})
        key, now = str(uuid.uuid4()), self.clock.now()
        empty = {
            name: {"id": one["id"], "type": one["type"], one["type"]: _empty(one["type"])}
            for name, one in schema.items()
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
        _only(
            body,
            {"properties", "icon", "cover", "is_locked", "template", "erase_content", "archived", "in_trash"},
        )
        out_of_bin = body.get("in_trash") is False or body.get("archived") is False
        if page["in_trash"] and not out_of_bin:
            raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        schema = self.sources[page["parent"]["data_source_id"]]["properties"]
        page["properties"].update(self._stored(schema, body.get("properties") or {}))
        for name in ("in_trash", "archived"):
            if name in body:
                page["in_trash"] = page["archived"] = bool(body[name])
        page["last_edited_time"] = self.clock.now().isoformat()
        return page

    def _stored(self, schema: Json, given: Json) -> Json:
        """The values as pages hold them; everything that does not fit the schema is named, as Notion does."""
        problems, shapes = [], []
        for name, value in given.items():
            if name not in schema:
                problems.append(f"{name} is not a property that exists.")
                continue
            kind = schema[name]["type"]
            stated = [key for key in value if key not in ("id", "type")] if isinstance(value, dict) else []
            if stated != [kind] or kind not in EDITABLE:
                problems.append(f"{name} is expected to be {kind}.")
            elif (shape := misshapen(kind, value[kind])) is not None:
                shapes.append(f"body.properties.{name}.{shape}")
        if shapes:
            raise invalid(f"body failed validation: {' '.join(shapes)}")
        if problems:
            raise invalid(" ".join(problems))
        return {
            name: {
                "id": schema[name]["id"],
                "type": schema[name]["type"],
                schema[name]["type"]: _as_kept(value[schema[name]["type"]]),
            }
            for name, value in given.items()
        }

    def _query(self, source: Json, body: Json) -> Json:
        _only(body, {"filter", "sorts", "start_cursor", "page_size", "in_trash", "archived", "result_type"})
        size = body.get("page_size", 100)
        if not isinstance(size, int) or not 1 <= size <= 100:
            raise invalid(f"body failed validation: body.page_size should be ≤ `100`, instead was `{size}`.")
        in_bin = bool(body.get("in_trash") or body.get("archived"))
        shown_until = self.clock.now() - timedelta(seconds=self.lag)
        found = [
            page
            for page in self.pages.values()
            if page["parent"]["data_source_id"] == source["id"]
            and page["in_trash"] == in_bin
            and datetime.fromisoformat(page["created_time"]) <= shown_until
            and ("filter" not in body or _passes(source["properties"], page["properties"], body["filter"]))
        ]
        start = 0
        if "start_cursor" in body:
            ids = [page["id"] for page in found]
            if body["start_cursor"] not in ids:
                raise invalid(f"The start_cursor provided is invalid: {body['start_cursor']}")
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


def _only(body: Json, allowed: set[str]) -> None:
    unknown = [name for name in body if name not in allowed]
    if unknown:
        raise invalid(f"body failed validation: body.{unknown[0]} should be not present, instead was `...`.")


def misshapen(kind: str, value: Any) -> str | None:
    """What is wrong with the shape of a value; None when nothing is."""
    if kind == "number":
        good = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        return None if good else f"number should be a number or `null`, instead was `{json.dumps(value)}`."
    if kind == "checkbox":
        return None if isinstance(value, bool) else "checkbox should be a boolean."
    if kind in ("rich_text", "title"):
        if not isinstance(value, list) or len(value) > 100:
            return f"{kind} should be an array of at most 100."
        texts = [part.get("text", {}).get("content") for part in value]
        if any(not isinstance(text, str) or len(text) > 2000 for text in texts):
            return f"{kind}[0].text.content.length should be ≤ `2000`."
        return None
    if kind == "select":
        return None if value is None else _bad_option(value)
    if kind == "multi_select":
        if not isinstance(value, list) or len(value) > 100:
            return "multi_select should be an array of at most 100."
        return next((bad for option in value if (bad := _bad_option(option)) is not None), None)
    if kind == "date" and value is not None:
        try:
            datetime.fromisoformat(value["start"])
        except (KeyError, TypeError, ValueError):
            return "date.start should be a valid ISO 8601 date string."
    return None


def _bad_option(option: Any) -> str | None:
    name = option.get("name") if isinstance(option, dict) else None
    if not isinstance(name, str) or not name or len(name) > 100:
        return "select.name should be a string of at most 100."
    return "select.name: Invalid select option, commas not allowed." if "," in name else None


def _as_kept(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_kept(part) for part in value]
    if isinstance(value, dict) and "text" in value:
        return {"type": "text", "text": value["text"], "plain_text": value["text"]["content"]}
    return value


def _empty(kind: str) -> Any:
    return {"checkbox": False}.get(kind, [] if kind in ("rich_text", "title", "multi_select") else None)


def _plainly(value: Json) -> Any:
    content = value[value["type"]]
    if value["type"] in ("rich_text", "title"):
        return "".join(part["plain_text"] for part in content)
    if value["type"] == "multi_select":
        return [option["name"] for option in content]
    if isinstance(content, dict):
        return content.get("start", content.get("name"))
    return content


def _passes(schema: Json, properties: Json, condition: Json, depth: int = 0) -> bool:
    for word, combine in (("and", all), ("or", any)):
        if word in condition:
            if depth >= 2 or len(condition[word]) > 100:
                raise invalid("body failed validation: body.filter is nested too deeply or too long.")
            return combine([_passes(schema, properties, one, depth + 1) for one in condition[word]])
    name = condition.get("property")
    if name not in schema:
        raise invalid(f"Could not find property with name or id: {name}")
    kind = schema[name]["type"]
    if kind not in condition:
        stated = next((key for key in condition if key != "property"), "nothing")
        raise invalid(f"database property {kind} does not match filter {stated}")
    ((how, wanted),) = condition[kind].items()
    value = _plainly(properties[name])
    match how:
        case "equals":
            return bool(value == wanted)
        case "on_or_after":
            return value is not None and _day(value) >= _day(wanted)
        case "on_or_before":
            return value is not None and _day(value) <= _day(wanted)
    raise invalid(f"body failed validation: body.filter.{kind}.{how} should be not present.")


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        notion = self.server.notion
        asked = Asked(self.command, self.path.split("?")[0], {}, notion.clock.now())
        headers = {name.lower(): value for name, value in self.headers.items()}
        extra: dict[str, str] = {}
        try:
            status, answer = 200, notion.answer(asked, headers, raw)
        except Refused as refused:
            status, extra = refused.status, refused.headers
            answer = {
                "object": "error",
                "status": status,
                "code": refused.code,
                "message": refused.message,
                "request_id": str(uuid.uuid4()),
            }
        except Silence as silence:
            if str(silence) == "silence":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, answer = 200, {"html": "not what was asked for"}
        asked.status = status
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(content)),
            **extra,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    notion: NotionStandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that was killed


@contextmanager
def serving(notion: NotionStandIn) -> Iterator[NotionStandIn]:
    """The stand-in, answering at its `url`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.notion = notion
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    notion.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield notion
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
