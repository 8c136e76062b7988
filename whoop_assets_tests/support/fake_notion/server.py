"""Serves a fake Notion over HTTP on a local port."""

import json
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from whoop_assets_tests.support.fake_notion.values import NotionErrorResponse
from whoop_assets_tests.support.fake_notion.workspace import FakeNotion, NotionRequest, UnusableResponse


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        notion = self.server.notion
        request = NotionRequest(self.command, self.path.split("?")[0], {}, notion.clock.now())
        headers = {name.lower(): value for name, value in self.headers.items()}
        extra: dict[str, str] = {}
        try:
            status, body = 200, notion.respond(request, headers, raw)
        except NotionErrorResponse as error:
            status, extra = error.status, error.headers
            body = {
                "object": "error",
                "status": status,
                "code": error.code,
                "message": error.message,
                "request_id": str(uuid.uuid4()),
            }
        except UnusableResponse as unusable:
            if str(unusable) == "silence":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, body = 200, {"html": "an unexpected page"}
        request.status = status
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(content)),
            **extra,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    notion: FakeNotion

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client was killed


@contextmanager
def serve_notion(notion: FakeNotion) -> Iterator[FakeNotion]:
    """Serve the workspace; sets its `url`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.notion = notion
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    notion.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield notion
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
