"""How far a backfill is: bars on a terminal, a line per asset elsewhere.

Reading WHOOP gives no events, so the requests it sends are counted in the database, once a second, by a
thread.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from whoop_assets.report.formatting import counted

if TYPE_CHECKING:
    from whoop_assets.db.database import Database

EVERY = 1.0
_MIN_PROGRESS_INTERVAL_SECONDS = 10.0


@contextmanager
def showing(database: "Database", days: int) -> "Iterator[Display]":
    """Display the progress of a run of this many days until the block ends."""
    console = Console(stderr=True)
    display: Display = Bars(console, days) if console.is_terminal else Lines(console, days)
    stop = threading.Event()
    counting = threading.Thread(target=_count_requests, args=(database, display, stop), daemon=True)
    counting.start()
    try:
        with display:
            yield display
    finally:
        stop.set()
        counting.join()


def _count_requests(database: "Database", display: "Display", stop: threading.Event) -> None:
    from whoop_assets.request_budget import budget

    with database.read() as connection:
        began = database.now(connection)
    while not stop.wait(EVERY):
        with database.read() as connection:
            now = database.now(connection)
            display.requested(budget.used(connection, now, max(1, int((now - began).total_seconds()))))


class Bars:
    """One bar for the plan, one for each asset."""

    def __init__(self, console: Console, days: int) -> None:
        self._days = days
        self._progress = Progress(
            TextColumn("{task.description:<18}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            refresh_per_second=5,
        )
        self._plan = self._progress.add_task("plan", total=None, note="")
        self._assets: dict[str, TaskID] = {}
        self._current: TaskID = self._plan

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def planned(self, days: int) -> None:
        self._progress.update(self._plan, completed=days)

    def began(self, asset: str) -> None:
        if self._progress.tasks[0].total is None:  # the plan is complete
            self._progress.update(self._plan, total=self._progress.tasks[0].completed)
        if asset not in self._assets:
            self._assets[asset] = self._progress.add_task(asset.replace("_", " "), total=self._days, note="")
        self._current = self._assets[asset]

    def materialized(self, asset: str, days: int) -> None:
        if asset in self._assets:
            self._progress.update(self._assets[asset], completed=days, total=max(days, self._days))

    def failed(self, asset: str, cause: str) -> None:
        if asset in self._assets:
            self._progress.update(self._assets[asset], note="failed")
        self._progress.console.print(f"{asset}: {cause}", highlight=False, markup=False, soft_wrap=True)

    def requested(self, requests: int) -> None:
        self._progress.update(self._current, note=counted(requests, "request"))


class Lines:
    """A line when an asset begins and one when it is done; while nothing else happens, the requests."""

    def __init__(self, console: Console, days: int) -> None:
        self._console = console
        self._days = days
        self._requests = 0
        self._said = time.monotonic()

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def planned(self, days: int) -> None:
        if days == 1:
            self._say(f"planning {counted(self._days, 'day')} ...")

    def began(self, asset: str) -> None:
        self._say(f"{asset} ...")

    def materialized(self, asset: str, days: int) -> None:
        if days == self._days:
            self._say(f"{asset}: {counted(days, 'day')} done")

    def failed(self, asset: str, cause: str) -> None:
        self._say(f"{asset}: {cause}")

    def requested(self, requests: int) -> None:
        news, self._requests = requests - self._requests, requests
        if news and time.monotonic() - self._said > _MIN_PROGRESS_INTERVAL_SECONDS:
            self._say(f"{counted(requests, 'request')} so far")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


Display = Bars | Lines
"""Shows the planned asset-days, the assets that begin, their finished days, and failures."""
