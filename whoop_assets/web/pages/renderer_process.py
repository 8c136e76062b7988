"""A process that renders the pages with many values.

Rendering a page takes 50 ms and more of Python. In the service it would hold Python's global lock meanwhile,
for which each step of a webhook delivery would wait.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any

from whoop_assets.db.database import Database
from whoop_assets.errors import DatabaseError, WhoopError
from whoop_assets.settings import Settings
from whoop_assets.web.pages.rendering import PageRefused, PageRenderer, RenderingFailed

MAX_RENDER_SECONDS = 60.0
"""Also the time for the start of the process."""
END_SECONDS = 10.0
NICENESS = 10
"""A page can wait for a processor, a delivery cannot."""

View = Callable[..., str]
"""A function of a module. Its first argument is a PageRenderer, the others can be pickled."""


class RendererStopped(WhoopError):
    """The process ended or did not answer. The next page starts a new one."""

    transient = True


class RendererProcess:
    """Renders one page at a time, in a process that starts with the first page.

    The process ends when its pipe closes, so it also ends with a killed service.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process; None if it is not running."""
        return None if self._process is None else self._process.pid

    def render(self, view: View, *arguments: Any) -> str:
        """Return the result of the view, which runs in the process.

        Raises:
            PageRefused: The view refuses the request.
            DatabaseError: The view cannot read the database.
            RenderingFailed: The view failed with another exception.
            RendererStopped: The process ended.
        """
        with self._lock:
            try:
                pipe = self._pipe or self._start()
                pipe.send((view, arguments))
                if not pipe.poll(MAX_RENDER_SECONDS):
                    raise TimeoutError
                outcome = pipe.recv()
            except (OSError, EOFError):
                self._stop(seconds=0)
                raise RendererStopped(
                    "The process that renders pages ended or did not answer: the next page starts a new one."
                ) from None
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    def close(self) -> None:
        """End the process, if it runs."""
        with self._lock:
            self._stop(seconds=END_SECONDS)

    def _start(self) -> Connection:
        self._pipe, other = Pipe()
        command = [sys.executable, "-m", __name__, str(other.fileno())]
        # In its own group it gets no SIGINT from a terminal.
        self._process = subprocess.Popen(command, pass_fds=[other.fileno()], process_group=0)
        other.close()
        self._pipe.send(self._settings)
        return self._pipe

    def _stop(self, *, seconds: float) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._pipe = self._process = None


def main() -> None:
    """Render views until the service closes the pipe."""
    pipe: Connection = Connection(int(sys.argv[1]))
    os.nice(NICENESS)
    try:
        settings = pipe.recv()
        pages = PageRenderer(settings, Database(settings.database_url))
        while True:
            view, arguments = pipe.recv()
            pipe.send(_outcome(view, pages, arguments))
    except (EOFError, OSError):
        pass


def _outcome(view: View, pages: PageRenderer, arguments: tuple[Any, ...]) -> str | Exception:
    try:
        return view(pages, *arguments)
    except (PageRefused, DatabaseError) as error:
        return error
    except Exception as error:  # noqa: BLE001 - the service reports it
        return RenderingFailed(type(error).__name__)


if __name__ == "__main__":
    main()
