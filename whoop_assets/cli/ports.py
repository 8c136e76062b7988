"""Ports of this machine: a free one, and whether one is free."""

import socket

from whoop_assets.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
SERVICE_PORT = 8767
"""Of the HTTP service, unless another is asked for."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether one could listen on the port."""
    with socket.socket() as probe:
        # As servers do: a connection that has just ended does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def require_free(port: int, way_out: str) -> None:
    """Raise ConfigurationError, which ends with the way out, when the port is taken."""
    if not is_free(port):
        raise ConfigurationError(f"Port {port} is in use: {way_out}.")
