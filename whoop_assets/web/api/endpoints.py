"""The daily API under /api/v1: daily rows, freshness of recoveries, and the OpenAPI document.

Each request is checked in this order: key, rate limit, parameters, member. The API has separate threads, so
that webhooks always find a thread and a database connection. It never asks WHOOP. Opening a member's today
while its recovery is stale adds a row to `asked_readings`, after the response, and the planner plans a
reading from it.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.metadata import version
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whoop_assets.db.database import Database, Transaction
from whoop_assets.errors import WhoopError
from whoop_assets.members import readers
from whoop_assets.members.readers import Reader
from whoop_assets.report.formatting import counted
from whoop_assets.web.api import parameters, queries, responses, schemas
from whoop_assets.web.api.parameters import DailyParameters, StatusParameters
from whoop_assets.web.api.problems import Problem
from whoop_assets.web.api.queries import NAMES, Question
from whoop_assets.web.api.rate_limits import ClientRateLimits

PREFIX = "/api/v1"
DAILY, RECOVERY_STATUS, OPENAPI = "/whoop/daily", "/whoop/recovery-status", "/openapi.json"
THREADS = 4

log = logging.getLogger(__name__)
router = APIRouter()
T = TypeVar("T")


class DailyApi(FastAPI):
    """The API as an application to be mounted at PREFIX; `close` ends its threads."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            title="whoop_assets daily API",
            version=version("whoop-assets"),
            description="Daily rows of members' WHOOP data. It reads only what is stored.",
            servers=[{"url": PREFIX}],
            openapi_url=None,
            redirect_slashes=False,
        )
        self.database = database
        self.limits = ClientRateLimits()
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="daily-api")
        # A write on SQLite can wait for a load. It runs on a separate thread, so that no response waits for
        # it.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="daily-api-asks")
        self._being_asked: set[int] = set()
        self.include_router(router)
        self.add_exception_handler(Problem, _on_problem)
        self.add_exception_handler(WhoopError, _on_failure)
        self.add_exception_handler(RequestValidationError, _on_invalid_parameters)
        self.add_exception_handler(HTTPException, on_http_error)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the schema of problem responses added."""
        document = super().openapi()
        document["components"]["schemas"]["Problem"] = schemas.ProblemBody.model_json_schema()
        return document

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document as JSON."""
        return json.dumps(self.openapi(), indent=1).encode()

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one read transaction on a thread of the API."""

        def run() -> T:
            with self.database.read() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def ask(self, user_ids: Collection[int]) -> None:
        """Request readings of these members' last days. Runs after the response."""
        mine = set(user_ids) - self._being_asked
        if not mine:
            return
        self._being_asked |= mine
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write_asked, mine)
        except WhoopError as error:
            log.warning("A reading could not be requested. %s", error)
        finally:
            self._being_asked -= mine

    def close(self) -> None:
        """Wait for running work, then end the threads."""
        self._readers.shutdown()
        self._writer.shutdown()

    def _write_asked(self, user_ids: Collection[int]) -> None:
        with self.database.write() as connection:
            queries.ask(connection, user_ids, self.database.now(connection))


_BEARER = HTTPBearer(
    scheme_name="key", description="A reader's key, from `whoop-assets readers add`.", auto_error=False
)


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Reader:
    """Return the reader of the request's key and count the request. Raises Problem: 401 or 429."""
    api: DailyApi = request.app
    if credentials is None:
        raise Problem(
            401,
            "This needs a reader's key: send it as `Authorization: Bearer KEY`.",
            {"WWW-Authenticate": 'Bearer realm="whoop-assets"'},
        )
    key = credentials.credentials.strip()
    reader = await api.read(lambda found: readers.by_key(found, key)) if readers.is_key(key) else None
    if reader is None:
        raise Problem(
            401,
            "This key is wrong or revoked: ask the operator of this service for another one.",
            {"WWW-Authenticate": 'Bearer realm="whoop-assets", error="invalid_token"'},
        )
    seconds = api.limits.wait(reader.id, reader.requests_per_minute)
    if seconds is not None:
        raise Problem(
            429,
            f"This key may send {counted(reader.requests_per_minute, 'request')} a minute: "
            f"try again in {seconds} s.",
            {"Retry-After": str(seconds)},
        )
    return reader


Authenticated = Annotated[Reader, Depends(authenticate)]


@router.head(DAILY, include_in_schema=False)
@router.get(
    DAILY,
    operation_id="daily",
    summary="Daily rows, by day and member",
    description="Opening a member's today while its recovery is stale requests a reading of the member's "
    f"last days, at most once in {schemas.ASK_MINUTES} minutes. The response does not wait for it.",
    response_model=schemas.DailyPage,
    responses=schemas.DAILY_RESPONSES,
)
async def daily(request: Request, reader: Authenticated, asked: Annotated[DailyParameters, Query()]) -> Any:
    """Return a page of daily rows."""
    parameters.require_unique(request.query_params)
    api: DailyApi = request.app
    form = parameters.response_format(asked.format, request.headers.get("accept"))
    after = None if asked.cursor is None else parameters.decode_cursor(asked.cursor)
    question = Question(reader.id, asked.first, asked.last, asked.limit, asked.member, after)

    def read(connection: Transaction) -> Response:
        _require(connection, reader, question.member)
        response = _page(connection, question, form, request)
        now = api.database.now(connection)
        opened = queries.opened_today(connection, question, now)
        wanted = [status.user_id for status in opened if status.worth_asking]
        if wanted:
            response.background = BackgroundTask(api.ask, wanted)
        return response

    return await api.read(read)


@router.head(RECOVERY_STATUS, include_in_schema=False)
@router.get(
    RECOVERY_STATUS,
    operation_id="recoveryStatus",
    summary="How fresh today's recovery is, by member",
    response_model=schemas.RecoveryStatuses,
    responses=schemas.STATUS_RESPONSES,
)
async def recovery_status(
    request: Request, reader: Authenticated, asked: Annotated[StatusParameters, Query()]
) -> Any:
    """Return how fresh the recovery of each member is."""
    parameters.require_unique(request.query_params)
    api: DailyApi = request.app
    form = parameters.response_format(asked.format, request.headers.get("accept"))

    def read(connection: Transaction) -> Response:
        _require(connection, reader, asked.member)
        now = api.database.now(connection)
        found = queries.recovery_status(connection, reader.id, now, asked.member)
        rows = [[getattr(status, name) for name in schemas.STATUS_FIELDS] for status in found]
        written = responses.rows_as_json if form == parameters.JSON else responses.rows_as_csv
        body = written(schemas.STATUS_FIELDS, rows)
        tag = responses.etag(responses.digest(body), form)
        return responses.answer(request, body, form, tag, {})

    return await api.read(read)


@router.head(OPENAPI, include_in_schema=False)
@router.get(
    OPENAPI,
    operation_id="openapi",
    summary="This document",
    response_model=dict[str, Any],
    responses={304: schemas.NOT_MODIFIED},
)
async def openapi_document(request: Request) -> Any:
    """Return the OpenAPI document. It contains nothing about members, so it needs no key."""
    document = request.app.document
    tag = responses.etag(responses.digest(document), parameters.JSON)
    return responses.answer(request, document, parameters.JSON, tag, {"Cache-Control": "public, no-cache"})


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer a wrong address or method under /api/ as a problem."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        return Problem(405, "This address is read-only: send a GET.", {"Allow": "GET, HEAD"}).response()
    return Problem(404, "There is nothing here: /api/v1/openapi.json lists the addresses.").response()


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return parameters.problem_of(error.errors()[0], request.query_params).response()


async def _on_failure(request: Request, error: Exception) -> Response:
    log.error("A reader got no response. %s", error)
    return Problem(
        503, "This does not work at the moment: try again later.", {"Retry-After": "10"}
    ).response()


def _require(connection: Transaction, reader: Reader, member: int | None) -> None:
    if member is not None and not readers.may_read(connection, reader.id, member):
        raise Problem(404, "This key may not read this member, or there is no such member.")


def _page(connection: Transaction, question: Question, form: str, request: Request) -> Response:
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is not None:
        # Four columns show whether anything has changed. If so the page is read from the same snapshot.
        tag = responses.etag(queries.stamp(connection, question), form)
        if responses.matches(if_none_match, tag):
            return responses.unchanged(tag, {})
    page = queries.page(connection, question)
    cursor = None if page.end is None else parameters.encode_cursor(page.end)
    if form == parameters.JSON:
        body = responses.rows_as_json(NAMES, page.rows, next_cursor=cursor)
    else:
        body = responses.rows_as_csv(NAMES, page.rows)
    headers = {}
    if cursor is not None:
        # CSV has no other place for the next page (RFC 8288).
        query = urlencode({**request.query_params, "cursor": cursor})
        headers["Link"] = f'<{PREFIX}{DAILY}?{query}>; rel="next"'
    return responses.answer(request, body, form, responses.etag(page.stamp, form), headers)
