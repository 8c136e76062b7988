"""GET /api/v1/whoop/daily, /api/v1/whoop/recovery-status and /api/v1/openapi.json.

Checked in this order: the key, how often it asks, the parameters, the member. The API works in threads of its own, few of
them: however many readers come, webhooks find a connection to the database and a thread.

WHOOP is never asked from here. Whoever opens today's day while its recovery is stale leaves a line in `asked_readings`,
after the answer, and the planner makes of it a reading of the member's last days.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from whoop_assets.db.database import Database, Transaction
from whoop_assets.errors import WhoopError
from whoop_assets.members import readers
from whoop_assets.members.readers import Reader
from whoop_assets.web.api import parameters, problems, queries, responses
from whoop_assets.web.api.openapi import DAILY, OPENAPI, PREFIX, RECOVERY_STATUS, STATUS_FIELDS, document
from whoop_assets.web.api.problems import Problem
from whoop_assets.web.api.queries import NAMES, Question, RecoveryStatus
from whoop_assets.web.api.rate_limits import RateLimits

THREADS = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as it matters here."""

    reader: Reader
    now: datetime
    values: Mapping[str, str]
    form: str
    if_none_match: str | None


class DailyApi:
    """The endpoints; `close` when the service ends."""

    def __init__(self, database: Database, limits: RateLimits | None = None) -> None:
        self._database = database
        self._limits = limits if limits is not None else RateLimits()
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="daily-api")
        # On SQLite a write may have to wait for a load's: that must not keep an answer waiting.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="daily-api-asks")
        self._being_asked: set[int] = set()
        described = document()
        self._document = json.dumps(described, indent=1).encode()
        self._parameters = {
            path: frozenset(one["name"] for one in described["paths"][path]["get"].get("parameters", ()))
            for path in (DAILY, RECOVERY_STATUS)
        }

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route(PREFIX + DAILY, self.daily, methods=["GET"]),
            Route(PREFIX + RECOVERY_STATUS, self.recovery_status, methods=["GET"]),
            Route(PREFIX + OPENAPI, self.openapi, methods=["GET"]),
        ]

    def close(self) -> None:
        """Let what is under way come to its end."""
        self._readers.shutdown()
        self._writer.shutdown()

    async def daily(self, request: Request) -> Response:
        """A page of daily rows."""
        return await self._respond(request, DAILY, self._daily)

    async def recovery_status(self, request: Request) -> Response:
        """How fresh today's recovery is, by member."""
        return await self._respond(request, RECOVERY_STATUS, self._recovery_status)

    async def openapi(self, request: Request) -> Response:
        """What the API is, for programs; it tells nothing about anybody, so it needs no key."""
        tag = responses.etag(responses.digest(self._document), parameters.JSON)
        public = {"Cache-Control": "public, no-cache"}
        if responses.matches(request.headers.get("if-none-match"), tag):
            return responses.unchanged(tag, public)
        return responses.answer(self._document, parameters.JSON, tag, public)

    async def _respond(self, request: Request, path: str, work: "Work") -> Response:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._answer, request, path, work)
        except Problem as problem:
            return problem.response()
        except WhoopError as error:
            log.error("A reader could not be answered. %s", error)
            return problems.unavailable().response()

    def _answer(self, request: Request, path: str, work: "Work") -> Response:
        key = _key(request.headers.get("authorization"))
        with self._database.read() as connection:
            reader = readers.by_key(connection, key)
            if reader is None:
                raise problems.wrong_key()
            seconds = self._limits.wait(reader)
            if seconds is not None:
                raise problems.too_many(reader.requests_per_minute, seconds)
            values = parameters.given(request.query_params, self._parameters[path])
            form = parameters.form(values, request.headers.get("accept"))
            now = self._database.now(connection)
            return work(connection, Asked(reader, now, values, form, request.headers.get("if-none-match")))

    def _daily(self, connection: Transaction, asked: Asked) -> Response:
        question = Question(
            asked.reader.id,
            *parameters.days(asked.values),
            parameters.limit(asked.values),
            parameters.member(asked.values),
            parameters.cursor(asked.values),
        )
        _require(connection, asked.reader, question.member)
        response = _page(connection, question, asked)
        opened = queries.opened_today(connection, question, asked.now)
        wanted = [one.user_id for one in opened if one.worth_asking(asked.now)]
        if wanted:
            response.background = BackgroundTask(self._ask, wanted)
        return response

    def _recovery_status(self, connection: Transaction, asked: Asked) -> Response:
        member = parameters.member(asked.values)
        _require(connection, asked.reader, member)
        found = queries.recovery_status(connection, asked.reader.id, asked.now, member)
        rows = [_status_row(one, asked.now) for one in found]
        if asked.form == parameters.JSON:
            body = responses.rows_as_json(STATUS_FIELDS, rows)
        else:
            body = responses.rows_as_csv(STATUS_FIELDS, rows)
        tag = responses.etag(responses.digest(body), asked.form)
        if responses.matches(asked.if_none_match, tag):
            return responses.unchanged(tag, {})
        return responses.answer(body, asked.form, tag, {})

    async def _ask(self, user_ids: Collection[int]) -> None:
        """After the answer: who waits for that need not wait for the database's one writer as well."""
        mine = set(user_ids) - self._being_asked
        if not mine:
            return
        self._being_asked |= mine
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._note, mine)
        except WhoopError as error:
            log.warning("A reading could not be asked for. %s", error)
        finally:
            self._being_asked -= mine

    def _note(self, user_ids: Collection[int]) -> None:
        with self._database.write() as connection:
            queries.ask(connection, user_ids, self._database.now(connection))


Work = Callable[[Transaction, Asked], Response]


def _key(authorization: str | None) -> str:
    """The key of an Authorization header; raises Problem."""
    if not authorization:
        raise problems.no_key()
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not readers.is_key(key.strip()):
        raise problems.wrong_key()
    return key.strip()


def _require(connection: Transaction, reader: Reader, member: int | None) -> None:
    if member is not None and not readers.may_read(connection, reader.id, member):
        raise problems.no_such_member()


def _page(connection: Transaction, question: Question, asked: Asked) -> Response:
    if asked.if_none_match is not None:
        # Four columns tell whether anything has changed; if so the page is read, of the same snapshot.
        tag = responses.etag(queries.stamp(connection, question), asked.form)
        if responses.matches(asked.if_none_match, tag):
            return responses.unchanged(tag, {})
    page = queries.page(connection, question)
    cursor = None if page.end is None else parameters.written(page.end)
    if asked.form == parameters.JSON:
        body = responses.rows_as_json(NAMES, page.rows, next_cursor=cursor)
    else:
        body = responses.rows_as_csv(NAMES, page.rows)
    return responses.answer(body, asked.form, responses.etag(page.stamp, asked.form), _next(asked, cursor))


def _next(asked: Asked, cursor: str | None) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288), for CSV has no other place for it."""
    if cursor is None:
        return {}
    query = urlencode({**asked.values, "cursor": cursor})
    return {"Link": f'<{PREFIX}{DAILY}?{query}>; rel="next"'}


def _status_row(one: RecoveryStatus, now: datetime) -> tuple[object, ...]:
    return (
        one.user_id,
        one.today,
        one.today_exists,
        one.recovery_exists,
        one.stale(now),
        one.changed_at,
        one.looked_at,
        one.asked_at,
    )
