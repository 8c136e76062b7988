"""The HTTP server: binds before it reports ready, closes slow connections, writes no access log."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from whoop_assets.errors import ConfigurationError

MAX_HEADER_SECONDS = 15.0
"""Seconds for a request's headers, and until a connection's next request begins."""
MAX_HEADER_BYTES = 16 * 1024
MAX_CONNECTIONS = 800
"""Below the usual limit of open files. Further connections get a 503, and WHOOP sends again."""
GRACE_SECONDS = 20
"""Seconds that running requests have when the service ends."""


class ServiceServer(uvicorn.Server):
    """Serves an application until SIGINT or SIGTERM, and finishes running requests first."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        on_started: Callable[[str], None],
        *,
        trusted_proxies: str = "",
    ) -> None:
        """Bind the socket.

        Args:
            port: 0 for any free port.
            on_started: Called with the base URL when the service is ready.
            trusted_proxies: Addresses and networks, separated by commas, whose X-Forwarded-For is the
                client's address; * for all.

        Raises:
            ConfigurationError: The address cannot be bound.
        """
        self.socket = _bound(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{shown}:{self.socket.getsockname()[1]}"
        self._on_started = on_started
        super().__init__(
            uvicorn.Config(
                app,
                http=HeaderTimeoutProtocol,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                ws="none",
                lifespan="on",
                # The access log would hold the codes and states of /callback, and the secrets of links.
                access_log=False,
                log_level="critical",
                server_header=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=trusted_proxies,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=int(MAX_HEADER_SECONDS),
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started(self.base_url)

    def serve_until_stopped(self) -> None:
        """Serve until a signal. Returns, or raises KeyboardInterrupt, after the last response."""
        self.run(sockets=[self.socket])


class HeaderTimeoutProtocol(H11Protocol):
    """HTTP/1.1 with a timeout for headers, which uvicorn does not have."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Pass the data on in pieces, so that the limit of headers does not depend on segmentation.

        h11 checks the limit only while a request is incomplete. Headers of any size that arrive at once pass
        it.
        """
        while data and not self.transport.is_closing():
            held, _ = self.conn.trailing_data
            # While a request has no response yet, more than the limit can be buffered.
            size = MAX_HEADER_BYTES + 1 - len(held)
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
        self._deadline = self.loop.call_later(MAX_HEADER_SECONDS, self._give_up)

    def _give_up(self) -> None:
        # The application has its own timeouts for a request whose headers are complete.
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
            f"The service cannot listen on {host}:{port} ({reason}): choose another --port, or "
            f"end the program that uses it."
        ) from None
    return bound
