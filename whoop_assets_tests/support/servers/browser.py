"""A headless Chromium for the tests, controlled by the DevTools protocol over two pipes.

WHOOP_TESTS_BROWSER names the program; otherwise it is searched on the path, or installed with apt.
"""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from whoop_assets_tests.support.servers.programs import require_program

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAX_RESPONSE_SECONDS = 60.0

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_TO_BROWSER, _FROM_BROWSER = 3, 4
"""The file descriptors on which Chromium expects its two pipes."""


@contextmanager
def running_browser() -> Iterator["Browser"]:
    """Run a browser during the block. Without a browser the test is skipped, in CI it fails."""
    program = require_program(NAMES, "chromium", "WHOOP_TESTS_BROWSER")
    with tempfile.TemporaryDirectory(prefix="whoop-browser-", ignore_cleanup_errors=True) as profile:
        read_by_browser, write = os.pipe()
        read, written_by_browser = os.pipe()
        # Duplicate to high numbers first: the pipes themselves may have the required numbers.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (read_by_browser, written_by_browser)]

        def connect_pipes() -> None:
            os.dup2(ends[0], _TO_BROWSER)
            os.dup2(ends[1], _FROM_BROWSER)

        process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=connect_pipes,
            pass_fds=(_TO_BROWSER, _FROM_BROWSER),
            env={**os.environ, "HOME": profile},
        )
        for end in (read_by_browser, written_by_browser, *ends):
            os.close(end)
        try:
            yield Browser(read, write)
        finally:
            with contextlib.suppress(OSError):
                os.close(write)  # the browser exits when its pipe is closed
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(read)


class Browser:
    """A connection to the browser: sends commands, receives responses and events."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._numbers = itertools.count(1)
        self._waiting = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its response; events that arrive meanwhile are kept."""
        number = next(self._numbers)
        command: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        self._send(command)
        while True:
            message = self._receive()
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def await_event(self, method: str, session: str) -> None:
        """Wait for this event, including kept ones."""
        while not any(e.get("method") == method and e.get("sessionId") == session for e in self.events):
            self.events.append(self._receive())

    def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> "BrowserPage":
        """Open a page, and wait until it has loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = BrowserPage(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        page.call("Page.navigate", url=url)
        self.await_event("Page.loadEventFired", session)
        return page

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            if not select.select([self._read], [], [], MAX_RESPONSE_SECONDS)[0]:
                raise AssertionError(f"The browser sent nothing for {MAX_RESPONSE_SECONDS:.0f} s.")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise AssertionError("The browser has ended.")
            self._waiting += piece
        message, _, self._waiting = self._waiting.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class BrowserPage:
    """One page: its content, console and requests."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def evaluate(self, expression: str) -> Any:
        """Evaluate a JavaScript expression, awaiting promises; an exception in it fails the test."""
        response = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in response, response["exceptionDetails"]
        return response["result"].get("value")

    def visit(self, url: str) -> None:
        """Open another address in this page and wait until it is loaded."""
        self._browser.events.clear()
        self.call("Page.navigate", url=url)
        self._browser.await_event("Page.loadEventFired", self._session)

    def click(self, selector: str) -> None:
        """Click a link or button that leads to another page, and wait until that is loaded."""
        self._browser.events.clear()
        self.evaluate(f"void document.querySelector({selector!r}).click()")
        self._browser.await_event("Page.loadEventFired", self._session)

    def console_messages(self) -> list[str]:
        """Console messages and exceptions of the page."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => done(1)))")
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self._events() if event["method"] in kinds]

    def requests(self) -> list[str]:
        """All URLs that the page requested."""
        sent = [event for event in self._events() if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def accessibility_tree(self) -> list[dict[str, Any]]:
        """The accessibility tree: role, name and level of each node that is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": node.get("name", {}).get("value", ""),
                **{entry["name"]: entry["value"].get("value") for entry in node.get("properties", [])},
            }
            for node in nodes
            if not node["ignored"]
        ]

    def screenshot(self, *, whole: bool = True) -> bytes:
        """A screenshot of the page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def pdf(self) -> bytes:
        """The printed page as PDF."""
        printed = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        return base64.b64decode(printed["data"])

    def _events(self) -> list[dict[str, Any]]:
        return [event for event in self._browser.events if event.get("sessionId") == self._session]
