"""Parts of HTTP tests on this machine: a port that refuses connections, and a TLS context without
certificates.
"""

import socket
import ssl

from whoop_assets.cli.processes.ports import LOOPBACK

_reserved = socket.socket()
_reserved.bind((LOOPBACK, 0))
REFUSING_PORT: int = _reserved.getsockname()[1]
"""Refuses every connection. This process keeps the port bound, so that no other program can listen on it."""

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP requests to this machine: loading the certificates takes longer than the request."""
