"""GET /healthz and GET /metrics: is the service able to store what comes, and what has come."""

import time
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from whoop_assets import schema
from whoop_assets.db.database import Database
from whoop_assets.errors import SchemaMismatch, WhoopError
from whoop_assets.request_budget import budget
from whoop_assets.web.group_commit import InboxBusy, InboxWriter
from whoop_assets.web.metrics import CONTENT_TYPE, gauge
from whoop_assets.web.receiver import Receiver
from whoop_assets.webhooks import inbox

_GOOD_FOR = 1.0
"""Seconds for which a look at the database counts, however often somebody asks."""
_DAY = 86_400


class Health:
    """The two endpoints. Anybody may ask, so they name neither hosts nor members."""

    def __init__(self, database: Database, writer: InboxWriter, receiver: Receiver) -> None:
        self._database = database
        self._writer = writer
        self._receiver = receiver
        self._looked_at = 0.0
        self._found: str | None = None

    async def healthz(self, request: Request) -> Response:
        """200 when events can be stored, else 503 with the reason."""
        if time.monotonic() > self._looked_at + _GOOD_FOR:
            self._found = await self._trouble()
            self._looked_at = time.monotonic()
        if self._found is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "failing", "reason": self._found}, 503)

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format; without the database's figures while that does not answer."""
        lines = [*self._receiver.counts.lines(), *await run_in_threadpool(self._figures)]
        return PlainTextResponse("\n".join(lines) + "\n", media_type=CONTENT_TYPE)

    async def _trouble(self) -> str | None:
        """Why events cannot be stored now; None if they can."""
        if not self._writer.alive:
            return "nothing is written any more"
        try:
            await run_in_threadpool(schema.check, self._database)
            await self._writer.probe()
        except SchemaMismatch:
            return "the database's schema is of another version"
        except InboxBusy:
            return "the database does not take writes within a second"
        except WhoopError:
            return "the database does not answer"
        return None

    def _figures(self) -> list[str]:
        try:
            return list(self._read_figures())
        except WhoopError:
            return list(gauge("whoop_database_up", "Whether the database answers.", 0))

    def _read_figures(self) -> Iterator[str]:
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = inbox.figures(connection)
            requests = budget.used(connection, now, _DAY)
        oldest = 0.0 if found.oldest_open_since is None else (now - found.oldest_open_since).total_seconds()
        yield from gauge("whoop_database_up", "Whether the database answers.", 1)
        yield from gauge("whoop_events_open", "Events whose change is not stored yet.", found.open)
        yield from gauge(
            "whoop_events_parked", "Events that wait for `whoop-assets events replay`.", found.parked
        )
        yield from gauge("whoop_oldest_open_event_seconds", "Age of the oldest open event.", max(0.0, oldest))
        yield from gauge("whoop_requests_last_day", "Requests to WHOOP's API in the last 24 hours.", requests)
