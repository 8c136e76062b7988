"""A uvicorn server for a world.

Binds first, so that a used port gives a clear error, and can reset connections.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from whoop_simulator.errors import SimulatorError
from whoop_simulator.http.app import create_app
from whoop_simulator.world.world import World

KEEP_ALIVE_SECONDS = 75


class SimulatorServer(uvicorn.Server):
    def __init__(self, world: World, host: str, port: int, on_started: Callable[[str], None]) -> None:
        """Bind the socket; port 0 picks a free port.

        `on_started` gets the base URL when the server accepts connections.
        """
        self.socket = _bound(host, port)
        name = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{name}:{self.socket.getsockname()[1]}"
        self._on_started = on_started
        self._world = world
        self._connections: dict[tuple[str, int], asyncio.Transport] = {}
        super().__init__(
            uvicorn.Config(
                create_app(world, self._abort),
                http=self._protocol(),
                access_log=False,
                log_level="critical",
                lifespan="off",
                ws="none",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started(self.base_url)

    def serve_until_stopped(self) -> None:
        stopped = threading.Event()
        delivery_thread = threading.Thread(
            target=self._world.webhooks.deliver_until, args=(stopped,), name="webhooks", daemon=True
        )
        delivery_thread.start()
        try:
            self.run(sockets=[self.socket])
        finally:
            stopped.set()
            delivery_thread.join()

    def _abort(self, scope: Scope) -> None:
        transport = self._connections.get(tuple(scope["client"]))
        if transport is None:
            return
        connection = transport.get_extra_info("socket")
        if connection is not None:
            # SO_LINGER 0: the client sees a reset instead of an orderly close.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def _protocol(self) -> type[asyncio.Protocol]:
        connections = self._connections

        class KnownConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            """Stores the transport by the client's address for `_abort`."""

            def connection_made(self, transport: Any) -> None:
                self._peer = transport.get_extra_info("peername")[:2]
                connections[self._peer] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self._peer, None)
                super().connection_lost(exc)

        return KnownConnection


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(512)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SimulatorError(
            f"cannot listen on {host}:{port} ({reason}): choose another --port, or 0 for a free one"
        ) from None
    return bound
