"""Free ports of this machine."""

import random
import socket

from whoop_assets.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
SERVICE_PORT = 8767
"""Default port of the HTTP service."""
_NEVER_ASSIGNED = range(20_000, 32_000)


def free_port() -> int:
    """Return a free port.

    It is below the range that operating systems assign, so that no other socket gets it before its use.
    """
    ports = random.SystemRandom()
    while not is_free(port := ports.choice(_NEVER_ASSIGNED)):
        pass
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that has just ended does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def require_free(port: int, way_out: str) -> None:
    """Raise ConfigurationError with the way out if the port is in use."""
    if not is_free(port):
        raise ConfigurationError(f"Port {port} is in use: {way_out}.")
