"""A webhook receiver that stores deliveries and returns given statuses."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Letter:
    """A received delivery."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def timestamp(self) -> str:
        return self.headers["x-whoop-signature-timestamp"]

    def is_signed_with(self, secret: str) -> bool:
        digest = hmac.new(secret.encode(), self.timestamp.encode() + self.body, hashlib.sha256).digest()
        return base64.b64encode(digest).decode() == self.headers["x-whoop-signature"]


@dataclass
class Mailbox:
    """A receiver.

    `answers` are the statuses of the next responses, then 204; None closes the connection without one.
    """

    url: str = ""
    letters: list[Letter] = field(default_factory=list)
    answers: list[int | None] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [letter.event for letter in self.letters]

    @property
    def types(self) -> list[str]:
        return [str(event["type"]) for event in self.events]


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Run a receiver on a free port during the block."""
    box = Mailbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.letters.append(Letter({name.lower(): value for name, value in self.headers.items()}, body))
            box.came.set()
            status = box.answers.pop(0) if box.answers else 204
            if status is not None:
                self.send_response(status)
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.url = f"http://127.0.0.1:{server.server_port}/webhooks/whoop"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
