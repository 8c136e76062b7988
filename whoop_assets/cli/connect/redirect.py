"""Listens at WHOOP_REDIRECT_URI for WHOOP's answer to one attempt to connect.

Only a request with the `state` of this attempt ends the wait. The listener refuses every other request: a
favicon, a reload, a tab of an earlier attempt, a page that guesses.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.sync.members.connecting import Connected, connect_with_code
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets.whoop_api.scopes import SCOPES

MAX_CONSENT_SECONDS = 300.0
"""How long a member has for the consent page."""
LOOPBACK = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1"}

_PAGE = "<!doctype html><html lang=en><meta charset=utf-8><title>whoop-assets</title><p>{text}</p></html>"


class NoConsentInTime(WhoopError):
    """No browser returned from the consent page."""


def connect_by_redirect(
    connection: WhoopSession, show: Callable[[str], None], max_seconds: float = MAX_CONSENT_SECONDS
) -> Connected:
    """Show the consent page with `show`, wait for WHOOP's redirect and connect the member who agreed.

    Raises ConsentDenied, ConsentFailed, NoConsentInTime and what connecting raises.
    """
    oauth = connection.oauth
    state = oauth.new_state()
    with listening(connection.settings.redirect_uri, state) as answers:
        show(oauth.authorization_url(SCOPES, state))
        try:
            redirected_to = answers.get(timeout=max_seconds)
        except queue.Empty:
            raise NoConsentInTime(
                f"WHOOP's answer did not come within {max_seconds / 60:.0f} minutes: run"
                " `whoop-assets connect` again, or with --paste if the browser cannot reach this machine."
            ) from None
    return connect_with_code(connection, oauth.read_redirect(redirected_to, state))


@contextmanager
def listening(redirect_uri: str, state: str) -> "Iterator[queue.Queue[str]]":
    """Listen at the redirect URI, and put each URL that answers this attempt (`state`) into the queue."""
    host, port, path = address(redirect_uri)
    answers: queue.Queue[str] = queue.Queue()
    try:
        server = ThreadingHTTPServer((host, port), _handler(path, state, answers))
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} of WHOOP_REDIRECT_URI cannot be listened on ({error.strerror}): end the program"
            " that uses it, choose another port there and in the WHOOP Developer Dashboard, or use"
            " `whoop-assets connect --paste`."
        ) from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="redirect", daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()


def address(redirect_uri: str) -> tuple[str, int, str]:
    """Return host, port and path to listen on. Raises ConfigurationError for a URI of another host."""
    try:
        parts = urlsplit(redirect_uri)
        host, port = LOOPBACK.get(parts.hostname or ""), parts.port or 80
    except ValueError:
        host = None
    if host is None or parts.scheme != "http":
        raise ConfigurationError(
            "WHOOP_REDIRECT_URI is not an http:// address of this machine, so the redirect cannot be"
            " caught here: use `whoop-assets connect --paste`."
        )
    return host, port, parts.path or "/"


def _handler(path: str, state: str, answers: "queue.Queue[str]") -> type[BaseHTTPRequestHandler]:
    class Redirect(BaseHTTPRequestHandler):
        timeout = 10  # a browser may open connections ahead and say nothing on them

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path != path:
                self._say(404, "There is nothing here.")
            elif not OAuth.answers(self.path, state):
                self._say(
                    400,
                    "This is not WHOOP's answer to the connection that is waiting (it lacks its state)."
                    " The command still waits: open the consent page that it shows.",
                )
            else:
                self._say(
                    200, "WHOOP's redirect has arrived. The terminal shows the result. Close this page."
                )
                answers.put(self.path)

        def _say(self, status: int, text: str) -> None:
            page = _PAGE.format(text=text).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            """Nothing is logged: the request line holds the code."""

    return Redirect
