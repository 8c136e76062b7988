"""Ports of this machine: a free one, and whether one is free."""

import random
import socket

from whoop_assets.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
SERVICE_PORT = 8767
"""Of the HTTP service, unless another is asked for."""
_NEVER_ASSIGNED = range(20_000, 32_000)


def free_port() -> int:
    """A port that is free now.

    It lies below the range from which operating systems assign ports, so that no other socket gets it before
    it is used.
    """
    ports = random.SystemRandom()
    while not is_free(port := ports.choice(_NEVER_ASSIGNED)):
        pass
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
