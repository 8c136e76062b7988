"""One delivery of one webhook event to one URL: body, signature and retry times."""

import base64
import hashlib
import hmac
import http.client
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from whoop_simulator.errors import SimulatorError
from whoop_simulator.timestamps import MINUTE, to_text
from whoop_simulator.world.records import to_json

RETRIES = tuple(minutes * MINUTE for minutes in (1, 4, 10, 20, 25))
"""Milliseconds between attempts: five retries within an hour. WHOOP does not document its retry times."""

WAITING, DELIVERED, GIVEN_UP, ENDED, NEVER_SENT = "waiting", "delivered", "given up", "ended", "never sent"
STATUSES = (WAITING, DELIVERED, GIVEN_UP, ENDED, NEVER_SENT)


@dataclass
class WebhookDelivery:
    """A delivery. `answers` is [{"at", "status"}, ...]; status is None if no response came in time."""

    number: int
    url: str
    user_id: int
    id: str
    type: str
    trace_id: str
    due: int
    """Milliseconds since 1970 by the simulator's clock, like all times of this module."""
    signed_at: int | None = None
    status: str = WAITING
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """The bytes that the simulator sends and signs."""
        names = ("user_id", "id", "type", "trace_id")
        return to_json({name: getattr(self, name) for name in names}).encode()

    def answered(self, at: int, status: int | None) -> None:
        """Record a response, and set the next status: delivered, due again, or given up."""
        self.answers.append({"at": to_text(at), "status": status})
        if status is not None and 200 <= status < 300:
            self.status = DELIVERED
        elif len(self.answers) > len(RETRIES):
            self.status = GIVEN_UP
        else:
            self.due = at + RETRIES[len(self.answers) - 1]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return base64(HMAC-SHA256(client secret, timestamp header + body))."""
    return base64.b64encode(
        hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    ).decode()


def post(url: str, body: bytes, secret: str, signed_at: int, timeout: float) -> int | None:
    """Send a signed POST request.

    Returns:
        The status of the response; None if the connection fails or no response comes within `timeout`
        seconds.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=timeout)
    headers = {
        "Content-Type": "application/json",
        "X-WHOOP-Signature": signature(secret, str(signed_at), body),
        "X-WHOOP-Signature-Timestamp": str(signed_at),
    }
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def checked_url(url: object) -> str:
    """Return the URL if it is an http or https URL, else raise SimulatorError."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise SimulatorError(f"a webhook needs an http:// or https:// URL, not {url!r}")
    return str(url)
