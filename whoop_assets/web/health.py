"""GET /healthz and GET /metrics: can the service store events, and how many has it received."""

import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whoop_assets import schema
from whoop_assets.db.database import Database
from whoop_assets.errors import SchemaMismatch, WhoopError
from whoop_assets.request_budget import budget
from whoop_assets.web.group_commit import InboxBusy, InboxWriter
from whoop_assets.web.metrics import CONTENT_TYPE, Metrics
from whoop_assets.webhooks import inbox

CHECK_VALID_SECONDS = 1.0
"""A result of the database check is reused for this long, however often clients ask."""
DAY_SECONDS = 86_400


class Health:
    """The two endpoints. They need no key, so they name neither hosts nor members."""

    def __init__(self, database: Database, writer: InboxWriter, metrics: Metrics) -> None:
        self._database = database
        self._writer = writer
        self._metrics = metrics
        self._checked_at = 0.0
        self._problem: str | None = None

    async def healthz(self, request: Request) -> Response:
        """Return 200 if events can be stored, else 503 with the reason."""
        if time.monotonic() > self._checked_at + CHECK_VALID_SECONDS:
            self._problem = await self._check()
            self._checked_at = time.monotonic()
        if self._problem is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "failing", "reason": self._problem}, 503)

    async def metrics(self, request: Request) -> Response:
        """Return Prometheus' text format; without the database's gauges if the database does not answer."""
        try:
            database = await run_in_threadpool(self._database_gauges)
        except WhoopError:
            database = None
        return Response(self._metrics.text(database), media_type=CONTENT_TYPE)

    async def _check(self) -> str | None:
        """Return why events cannot be stored now, or None."""
        if not self._writer.alive:
            return "nothing is written any more"
        try:
            await run_in_threadpool(schema.check, self._database)
            await self._writer.store(None)
        except SchemaMismatch:
            return "the database's schema is of another version"
        except InboxBusy:
            return "the database does not take writes within a second"
        except WhoopError:
            return "the database does not answer"
        return None

    def _database_gauges(self) -> dict[str, tuple[str, float]]:
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = inbox.figures(connection)
            requests = budget.used(connection, now, DAY_SECONDS)
        oldest = 0.0 if found.oldest_open_since is None else (now - found.oldest_open_since).total_seconds()
        return {
            "whoop_events_open": ("Events whose change is not stored yet.", found.open),
            "whoop_events_parked": ("Events that wait for `whoop-assets events replay`.", found.parked),
            "whoop_oldest_open_event_seconds": ("Age of the oldest open event.", max(0.0, oldest)),
            "whoop_requests_last_day": ("Requests to WHOOP's API in the last 24 hours.", requests),
        }
