"""Loopback ports for tests: one that refuses every connection, and free ones for servers that start later."""

import random
import socket

from whoop_assets.cli.ports import LOOPBACK, is_free

_PORTS = range(20_000, 32_000)
"""Below the ports that operating systems give to sockets that ask for any."""

_reserved = socket.socket()
_reserved.bind((LOOPBACK, 0))
REFUSING_PORT: int = _reserved.getsockname()[1]
"""Nothing listens on it, and no other program can: this process keeps it."""


def unused_port() -> int:
    """A free port for a server that starts later; no other socket is given it by chance in the meantime."""
    return next(port for port in random.Random().sample(_PORTS, len(_PORTS)) if is_free(port))
