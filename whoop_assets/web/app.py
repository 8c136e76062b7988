"""The web application: its addresses, and what begins and ends with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from whoop_assets.sync.session import Connection
from whoop_assets.web.api.endpoints import DailyApi
from whoop_assets.web.api.problems import Problem
from whoop_assets.web.connecting import Connecting
from whoop_assets.web.group_commit import InboxWriter
from whoop_assets.web.health import Health
from whoop_assets.web.receiver import Receiver

WEBHOOK_PATH = "/webhooks/whoop"
API = "/api/"


def create_app(connection: Connection) -> Starlette:
    """The service on an open connection, which it does not close."""
    settings, database = connection.settings, connection.database
    writer = InboxWriter(database)
    receiver = Receiver(
        writer,
        secret=settings.client_secret.get_secret_value(),
        max_age=timedelta(seconds=settings.webhook_max_age),
        clock=database.clock,
    )
    connecting = Connecting(connection)
    health = Health(database, writer, receiver)
    daily = DailyApi(database)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        writer.start()
        try:
            yield
        finally:
            # By now no request is under way, unless its time was up: what was taken is committed all the same.
            await run_in_threadpool(writer.stop)
            await run_in_threadpool(daily.close)

    app = Starlette(
        routes=[
            Route(WEBHOOK_PATH, receiver.__call__, methods=["POST"]),
            Route("/connect/{secret}", connecting.begin),
            Route("/callback", connecting.callback),
            Route("/healthz", health.healthz),
            Route("/metrics", health.metrics),
            *daily.routes(),
        ],
        middleware=[Middleware(RejectAmbiguous)],
        lifespan=lifespan,
        exception_handlers={404: _nothing_here, 405: _not_so},
    )
    app.router.redirect_slashes = False
    return app


class RejectAmbiguous:
    """Rejects requests that a proxy in front of the service may read in another way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            names = {name for name, _ in scope["headers"]}
            if b"content-length" in names and b"transfer-encoding" in names:
                # Where this body ends is not certain, so nothing after it may be read as a request.
                answer = PlainTextResponse(
                    "Send Content-Length or Transfer-Encoding, not both.\n", 400, {"Connection": "close"}
                )
            elif not scope["path"].isprintable():
                # The pattern of a route ends with `$`, which also matches before a newline.
                answer = await _nothing_here(Request(scope), Exception())
        await answer(scope, receive, send)


async def _nothing_here(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(API):
        return Problem(404, "There is nothing here: /api/v1/openapi.json lists what there is.").response()
    return PlainTextResponse("There is nothing here.\n", 404)


async def _not_so(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None)
    if request.url.path.startswith(API):
        return Problem(405, "This address is only read: send a GET.", headers).response()
    return PlainTextResponse("This address does not take that method.\n", 405, headers)
