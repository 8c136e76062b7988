"""The web application: routes, start and end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from whoop_assets.sync.session import WhoopSession
from whoop_assets.web import WEBHOOK_PATH
from whoop_assets.web.api.endpoints import PREFIX, DailyApi, on_http_error
from whoop_assets.web.api.rate_limits import ClientRateLimits
from whoop_assets.web.connecting import Connecting
from whoop_assets.web.group_commit import MAX_COMMIT_SECONDS, InboxWriter
from whoop_assets.web.health import Health
from whoop_assets.web.metrics import Metrics
from whoop_assets.web.pages.me import MemberPages
from whoop_assets.web.pages.renderer_process import RendererProcess
from whoop_assets.web.pages.service import EraseMember, PageService
from whoop_assets.web.pages.sign_in import SignIn
from whoop_assets.web.pages.static_files import no_icon, stylesheets
from whoop_assets.web.pages.team import TeamPages
from whoop_assets.web.receiver import Receiver

API = "/api/"


def create_app(
    connection: WhoopSession,
    erase_member: EraseMember,
    page_limits: ClientRateLimits | None = None,
    renderer: RendererProcess | None = None,
    *,
    max_commit_seconds: float = MAX_COMMIT_SECONDS,
) -> Starlette:
    """Return the service on an open connection, which it does not close.

    Args:
        page_limits: Rate limits of the pages; default: new ones.
        renderer: Renders the pages with many values, and ends with the application; default: its threads do.
        max_commit_seconds: A delivery that is not committed within this time gets a 503.
    """
    settings, database = connection.settings, connection.database
    writer = InboxWriter(database, max_commit_seconds=max_commit_seconds)
    metrics = Metrics()
    receiver = Receiver(
        writer,
        metrics,
        secret=settings.client_secret.get_secret_value(),
        max_age=timedelta(seconds=settings.webhook_max_age),
        clock=database.clock,
    )

    pages = PageService(connection, erase_member, page_limits or ClientRateLimits(), renderer)
    connecting = Connecting(pages)
    sign_in = SignIn(pages)
    me = MemberPages(pages, connecting)
    team = TeamPages(pages, me)
    health = Health(database, writer, metrics)
    daily = DailyApi(database)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        writer.start()
        try:
            yield
        finally:
            # Deliveries that are in the queue are committed, even if their requests were cut off.
            await run_in_threadpool(writer.stop)
            await run_in_threadpool(daily.close)
            await run_in_threadpool(pages.close)

    app = Starlette(
        routes=[
            Route(WEBHOOK_PATH, receiver.__call__, methods=["POST"]),
            Route("/connect/{secret}", pages.guarded(connecting.begin)),
            Route("/callback", pages.guarded(connecting.callback)),
            Route("/", pages.guarded(sign_in.start), methods=["GET"]),
            Route("/sign-in", pages.guarded(connecting.sign_in), methods=["GET"]),
            Route("/sign-in/{secret}", pages.guarded(sign_in.link), methods=["GET", "POST"]),
            Route("/sign-out", pages.action(sign_in.sign_out), methods=["POST"]),
            Route("/me", pages.page(me.me), methods=["GET"]),
            Route("/me/disconnect", pages.page(me.confirm_disconnect), methods=["GET"]),
            Route("/me/delete", pages.page(me.confirm_erase), methods=["GET"]),
            Route("/me/read-now", pages.action(me.read_now), methods=["POST"]),
            Route("/me/force-sync", pages.action(me.force_sync), methods=["POST"]),
            Route("/me/reconnect", pages.action(me.reconnect), methods=["POST"]),
            Route("/me/download", pages.action(me.download), methods=["POST"]),
            Route("/me/disconnect", pages.action(me.disconnect), methods=["POST"]),
            Route("/me/delete", pages.action(me.erase), methods=["POST"]),
            Route("/team", pages.page(team.team, operators=True), methods=["GET"]),
            Route("/team/invite", pages.action(team.invite, operators=True), methods=["POST"]),
            Route("/team/{user_id}", pages.page(team.member, operators=True), methods=["GET"]),
            Route("/favicon.ico", no_icon, methods=["GET"]),
            Route("/static/{name}", stylesheets, methods=["GET"]),
            Route("/healthz", health.healthz),
            Route("/metrics", health.metrics),
            Mount(PREFIX, daily),
        ],
        middleware=[Middleware(RejectAmbiguous)],
        lifespan=lifespan,
        exception_handlers={404: _nothing_here, 405: _not_so},
    )
    app.router.redirect_slashes = False
    return app


class RejectAmbiguous:
    """Rejects requests that a proxy in front of the service can parse differently."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            names = {name for name, _ in scope["headers"]}
            if b"content-length" in names and b"transfer-encoding" in names:
                # The end of this body is ambiguous, so the connection must not carry another request.
                answer = PlainTextResponse(
                    "Send Content-Length or Transfer-Encoding, not both.\n", 400, {"Connection": "close"}
                )
            elif not scope["path"].isprintable():
                # The pattern of a route ends with `$`, which also matches before a newline.
                answer = await _nothing_here(Request(scope), Exception())
        await answer(scope, receive, send)


async def _nothing_here(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(API):
        return await on_http_error(request, error)
    return PlainTextResponse("There is nothing here.\n", 404)


async def _not_so(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None)
    return PlainTextResponse("This address does not take that method.\n", 405, headers)
