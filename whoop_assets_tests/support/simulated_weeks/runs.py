"""The worker process that executes runs with the product's loads, and counts their requests."""

import traceback
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from whoop_assets.errors import WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.planner.current_plan import planner_settings_at
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.settings import Settings
from whoop_assets.summaries.rebuild import rebuild_days, rebuild_trends, rebuild_weeks
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.events.load_events import (
    load_events,
    rebuild_days_of_run,
    rebuild_trends_of_run,
)
from whoop_assets.sync.load_members import LoadRequest, LoadResult, load_members
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens import keep_alive
from whoop_assets.whoop_api.http.transport import open_http
from whoop_assets.whoop_api.oauth import OAuth, TokenPair
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS
from whoop_assets_tests.support.home import load_requests
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    Activity,
    SharedClock,
    SharedMemory,
    WatchedDatabase,
)
from whoop_assets_tests.support.simulated_weeks.work import RunOutcome, Work, partition_bounds


def worker(page_path: Path, slot: int, settings: Settings, pipe: Pipe) -> None:
    """Executes runs with the product's loads, until the process is killed.

    The worker keeps the interpreter, the database connection and the HTTP client, because creating them takes
    longer than a short run. Each run has its own session, so it has no cached tokens.
    """
    page = SharedMemory(page_path)
    page.clear(slot)
    database = WatchedDatabase(settings.database_url, SharedClock(page, slot))
    http = open_http()
    pipe.send("ready")
    while True:
        work, run_id = pipe.recv()
        connection = WhoopSession(settings, database, f"run {run_id[:8]}", http=http)
        watch_requests(connection, page, slot)
        page.set(slot, Activity.ASKS, 0)
        outcome = RunOutcome()
        page.set(slot, Activity.BEGAN, 1)
        try:
            for result in execute(connection, work, run_id):
                outcome.failures += [
                    f"{work.reason}, {failure.stream}, member {failure.user_id}: {failure.cause}"
                    for failure in result.failures
                ]
        except WhoopError as error:
            outcome.failures.append(f"{work.reason}: {type(error).__name__}: {error}")
        except Exception:  # noqa: BLE001 - the simulation reports it
            outcome.problem = traceback.format_exc()
        page.set(slot, Activity.BEGAN, 0)
        pipe.send(outcome)


class WatchedBudget:
    """The request budget of a process; counts each granted API request in the shared memory.

    Each attempt passes the budget, whereas event hooks of the HTTP client are not called on every path.
    """

    def __init__(self, budget: RequestBudget, page: SharedMemory, slot: int) -> None:
        self._budget, self._page, self._slot = budget, page, slot

    def acquire(self, lane: str) -> datetime:
        granted = self._budget.acquire(lane)
        _request_begins(self._page, self._slot, Activity.REQUESTS)
        return granted

    def observe(self, *response: Any) -> None:
        self._page.set(self._slot, Activity.ASKS, 0)
        self._budget.observe(*response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._budget, name)


class WatchedOAuth:
    """The OAuth client of a process; counts each exchange of a refresh token in the shared memory."""

    def __init__(self, oauth: OAuth, page: SharedMemory, slot: int) -> None:
        self._oauth, self._page, self._slot = oauth, page, slot

    def refresh(self, refresh_token: str) -> TokenPair:
        _request_begins(self._page, self._slot, Activity.EXCHANGES)
        try:
            return self._oauth.refresh(refresh_token)
        finally:
            self._page.set(self._slot, Activity.ASKS, 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oauth, name)


def watch_requests(connection: WhoopSession, page: SharedMemory, slot: int) -> None:
    """Writes the active request and the number of requests to the shared memory.

    A killed process cannot report them.
    """
    connection.budget = WatchedBudget(connection.budget, page, slot)  # type: ignore[assignment]
    if not isinstance(connection.oauth, WatchedOAuth):
        connection.oauth = WatchedOAuth(connection.oauth, page, slot)  # type: ignore[assignment]


def _request_begins(page: SharedMemory, slot: int, counter: Activity) -> None:
    page.set(slot, Activity.ASKS, 2 if counter is Activity.EXCHANGES else 1)
    page.set(slot, counter, page.get(slot, counter) + 1)


def execute(connection: WhoopSession, work: Work, run_id: str) -> list[LoadResult]:
    """Executes the steps of a run in the same order as the assets of a Dagster run."""
    database, settings = connection.database, connection.settings
    with database.read() as transaction:
        now = database.now(transaction)
        user_ids = [member.user_id for member in member_store.chosen(transaction, (), with_disconnected=True)]
    today = planner_settings_at(settings, now).last_day
    results = []
    if work.kind == "events":
        bounds = partition_bounds(settings, now)
        for stream in ("cycles", *work.streams):
            order = LoadRequest(stream, work.first, work.last, today, now, now, lane=LANE, run_id=run_id)
            results.append(load_events(connection, order, streams=work.streams, bounds=bounds))
        for rebuild in (rebuild_days_of_run, rebuild_trends_of_run):
            rebuild(database, user_ids, work.first, work.last, by=run_id, since=now)
    elif work.kind == "reading":
        assert work.group is not None
        results = [load_members(connection, order) for order in load_requests(work.group, now, today, run_id)]
        if set(work.streams) - set(SNAPSHOT_STREAMS):
            rebuild_days(database, work.group.members, work.first, work.last)
            rebuild_trends(database, work.group.members, work.first, work.last)
    elif work.kind == "summary":
        rebuild_days(database, user_ids, work.first, work.last)
        rebuild_trends(database, user_ids, work.first, work.last)
    elif work.kind == "trends":
        rebuild_trends(database, user_ids, work.first, work.last)
    elif work.kind == "weeks":
        rebuild_weeks(database, user_ids, work.first, work.last)
    else:
        keep_alive.keep_alive(connection)
    return results
