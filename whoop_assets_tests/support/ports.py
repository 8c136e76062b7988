"""A loopback port that refuses every connection."""

import socket

from whoop_assets.cli.processes.ports import LOOPBACK

_reserved = socket.socket()
_reserved.bind((LOOPBACK, 0))
REFUSING_PORT: int = _reserved.getsockname()[1]
"""Nothing listens on it, and no other program can: this process keeps it."""
