"""A simulator for tests: `with RunningSimulator(members=1, days=30, seed=7, limits=False) as sim:`.

A thread of this process serves a `World` on a free loopback port. Tests change the world directly
(`sim.world`) or through HTTP (`sim.control`).
"""

import json
import threading
from html.parser import HTMLParser
from http.client import HTTPConnection
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from whoop_simulator.http.server import SimulatorServer
from whoop_simulator.world.world import World

START_SECONDS = 60


class RunningSimulator:
    def __init__(self, *, world: World | None = None, **options: Any) -> None:
        """`options` are those of `World`, unless a world is given."""
        self.world = World(**options) if world is None else world
        self._ready = threading.Event()
        self._server = SimulatorServer(self.world, "127.0.0.1", 0, lambda _: self._ready.set())
        self._thread = threading.Thread(
            target=self._server.serve_until_stopped, name="whoop-simulator", daemon=True
        )
        self.base_url = self._server.base_url
        self.api_url = f"{self.base_url}/developer"
        self.oauth_url = f"{self.base_url}/oauth/oauth2"
        self.control = Control(self.base_url)

    def start(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("the simulator did not start")
        return self

    def stop(self) -> None:
        """Stop serving, and wait until the server accepts no connection."""
        self._end()
        self._thread.join(START_SECONDS)

    def _end(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        # Do not wait for the end, which takes 0.2 s: a test suite starts hundreds of simulators, each on its
        # own port.
        self._end()

    def consent(self, authorization_url: str, user_id: int, decision: str = "allow") -> str:
        """Act as the member's browser on the consent page.

        Opens the page, submits the decision, and returns the redirect URL.
        """
        parts = urlsplit(authorization_url)
        status, location, page = self._browse("GET", f"{parts.path}?{parts.query}")
        if status != 200:
            return location or page
        form = _HiddenFields()
        form.feed(page)
        fields = {**form.fields, "member": str(user_id), "decision": decision}
        _, location, page = self._browse("POST", parts.path, urlencode(fields))
        return location or page

    def _browse(self, method: str, target: str, form: str | None = None) -> tuple[int, str, str]:
        headers = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        connection = HTTPConnection(urlsplit(self.base_url).netloc, timeout=START_SECONDS)
        try:
            connection.request(method, target, form, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location", ""), answer.read().decode()
        finally:
            connection.close()


class Control:
    """The control API of a simulator at a base URL."""

    def __init__(self, base_url: str) -> None:
        self._netloc = urlsplit(base_url).netloc

    def get(self, path: str) -> Any:
        """Send a GET request, as in `get("stats")`; raises RuntimeError with the error of the response."""
        return self._call("GET", path, None)

    def post(self, path: str, **order: Any) -> Any:
        """Send a POST request, as in `post("clock", advance_seconds=3600)`.

        Raises RuntimeError as `get` does.
        """
        return self._call("POST", path, json.dumps(order))

    def _call(self, method: str, path: str, body: str | None) -> Any:
        connection = HTTPConnection(self._netloc, timeout=START_SECONDS)
        try:
            connection.request(method, f"/_control/{path.lstrip('/')}", body)
            answer = connection.getresponse()
            result = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(result["error"])
        return result


class _HiddenFields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "input" and known.get("type") == "hidden":
            self.fields[known.get("name") or ""] = known.get("value") or ""
