"""The server under the application: bound before it says so, impatient with slow clients, silent about requests."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from whoop_assets.errors import ConfigurationError

HEADERS_WITHIN = 15.0
"""Seconds for the headers of a request, and for the next request of a connection to begin."""
LARGEST_HEADERS = 16 * 1024
MOST_CONNECTIONS = 800
"""Below the usual limit of open files; more are told 503, and WHOOP sends again."""
GRACE = 20
"""Seconds that requests under way have when the service ends."""


class ServiceServer(uvicorn.Server):
    """Serves an application until SIGINT or SIGTERM; requests under way are answered first."""

    def __init__(self, app: ASGIApp, host: str, port: int, on_started: Callable[[str], None]) -> None:
        """Port 0: any free one. `on_started` gets the base URL. Raises ConfigurationError when it cannot listen."""
        self.socket = _bound(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{shown}:{self.socket.getsockname()[1]}"
        self._on_started = on_started
        super().__init__(
            uvicorn.Config(
                app,
                http=ImpatientProtocol,
                h11_max_incomplete_event_size=LARGEST_HEADERS,
                ws="none",
                lifespan="on",
                # The access log would hold the codes and states of /callback, and the secrets of links.
                access_log=False,
                log_level="critical",
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=int(HEADERS_WITHIN),
                timeout_graceful_shutdown=GRACE,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started(self.base_url)

    def serve_until_stopped(self) -> None:
        """Serve; comes back, or raises KeyboardInterrupt, when the last request has been answered."""
        self.run(sockets=[self.socket])


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on who does not come to the point: uvicorn itself waits for headers without end."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Pass the data on in pieces, so that h11 compares the headers with their limit however they were segmented.

        h11 compares what it holds of an incomplete request: headers of any size that come at once are complete at once.
        """
        while data and not self.transport.is_closing():
            held, _ = self.conn.trailing_data
            # Behind a request that is not answered yet more than the limit may wait.
            size = LARGEST_HEADERS + 1 - len(held)
            piece, data = (data[:size], data[size:]) if size > 0 else (data, b"")
            super().data_received(piece)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def _expect_request(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(HEADERS_WITHIN, self._give_up)

    def _give_up(self) -> None:
        # A request that has its headers is the application's, which has time limits of its own.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"Nobody can listen on {host}:{port} ({reason}): choose another --port, or end the program that uses it."
        ) from None
    return bound
