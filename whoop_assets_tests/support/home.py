"""A database with members who are connected to a simulator, as after `connect`."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import select

from whoop_assets.db.database import Database
from whoop_assets.planner.current_plan import Group
from whoop_assets.schema import metadata, prepare
from whoop_assets.settings import Settings
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.load_members import LoadRequest, LoadResult, load_members
from whoop_assets.sync.members.connecting import connect_with_code
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.http.fault_time import FaultTime
from whoop_assets.whoop_api.http.transport import open_http
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets.whoop_day import cycle_day, parse_offset
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

RECORDS = tuple(STREAMS)
KEY = {name: stream.key for name, stream in STREAMS.items()}

OURS = {"first_seen_at", "changed_at", "synced_at", "deleted_at", "built_at"}
"""Columns that say when we did something."""
FOLLOWS_OURS = {"last_recovery_data_changed_at", "last_recovery_synced_at"}


def load_requests(group: Group, until: datetime, today: date, run_id: str = "") -> list[LoadRequest]:
    """The loads of the run that the sensor requests for the group, one per stream."""
    task = group.any
    return [
        LoadRequest(
            stream,
            task.first,
            task.last,
            today,
            until,
            task.since,
            lane=task.lane,
            members=group.members,
            run_id=run_id,
        )
        for stream in task.streams
    ]


def moment(text: str) -> datetime:
    """A time as WHOOP writes it."""
    return datetime.fromisoformat(text)


def days_of(truth: dict[str, list[dict[str, Any]]]) -> dict[str, dict[Any, date | None]]:
    """Each record's day, worked out from the simulator's truth by the rule alone."""
    day_of_cycle = {
        cycle["id"]: cycle_day(moment(cycle["start"]), parse_offset(cycle["timezone_offset"]))
        for cycle in truth["cycles"]
    }
    spans = [
        (moment(c["start"]), moment(c["end"]) if c["end"] else None, day_of_cycle[c["id"]])
        for c in truth["cycles"]
    ]
    found: dict[str, dict[Any, date | None]] = {stream: {} for stream in RECORDS}
    found["cycles"] = dict(day_of_cycle)
    for stream in ("sleeps", "recoveries"):
        found[stream] = {
            record[KEY[stream]]: day_of_cycle.get(record["cycle_id"]) for record in truth[stream]
        }
    for workout in truth["workouts"]:
        start = moment(workout["start"])
        inside = [day for begin, end, day in spans if begin <= start and (end is None or start < end)]
        found["workouts"][workout["id"]] = inside[-1] if inside else None
    return found


def frozen_world(*, members: int = 1, days: int = 60, seed: int = 7, **options: Any) -> World:
    """A world that stands still at NOW, without limits unless asked for."""
    return World(members=members, days=days, seed=seed, now=NOW, frozen=True, **{"limits": False, **options})


@dataclass
class Home:
    """One database connected to one simulator, on one clock that both sides share.

    Attributes:
        http: The HTTP client of `connection`.
    """

    simulator: RunningSimulator
    database: Database
    connection: WhoopSession
    clock: ManualClock
    http: httpx.Client
    members: list[int] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def member(self) -> int:
        return self.members[0]

    def connect(self, user_id: int, scopes: Sequence[str] = SCOPES) -> None:
        """Give consent as that member, through the real OAuth code path."""
        oauth = self.connection.oauth
        state = oauth.new_state()
        redirect = self.simulator.consent(oauth.authorization_url(scopes, state), user_id)
        connect_with_code(self.connection, oauth.read_redirect(redirect, state))
        if user_id not in self.members:
            self.members.append(user_id)

    def advance(self, by: timedelta | float) -> None:
        """Let time pass on both sides."""
        self.clock.advance(by)
        self.world.advance(by)

    def at_request(self, path: str, action: Callable[[], None]) -> None:
        """Act before `connection` sends its next request to a path that begins with this."""
        self.http.event_hooks = {"request": [_once(path, action)]}

    def at_response(self, path: str, action: Callable[[], None]) -> None:
        """Act when the next response to such a path has arrived, before `connection` processes it."""
        self.http.event_hooks = {"response": [_once(path, action)]}

    def load(
        self,
        first: date,
        last: date,
        streams: Sequence[str] = RECORDS,
        *,
        members: Sequence[int] = (),
        since: datetime | None = None,
        lane: str = "backfill",
    ) -> list[LoadResult]:
        """Load like a run: the streams in order, with one `until` and one session."""
        self.connection.fault_time = FaultTime(self.clock)
        self.clock.advance(0.001)
        until = self.clock.now()
        rounds = []
        for stream in streams:
            order = LoadRequest(
                stream, first, last, until.date(), until, since or until, lane=lane, members=tuple(members)
            )
            rounds.append(load_members(self.connection, order))
        return rounds

    def load_and_summarise(self, first: date, last: date) -> list[LoadResult]:
        rounds = self.load(first, last)
        assert [failure for result in rounds for failure in result.failures] == []
        rebuild_days(self.database, self.members, first, last)
        return rounds

    def rows(
        self, table: str, *, without: Collection[str] = frozenset(), deleted: bool = False
    ) -> dict[Any, dict[str, Any]]:
        """The table's rows by key, as far as they exist."""
        source = metadata.tables[table]
        query = select(source)
        if "deleted_at" in source.c and not deleted:
            query = query.where(source.c.deleted_at.is_(None))
        key = [column.name for column in source.primary_key.columns]
        with self.database.read() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
        for row in found:
            if "payload" in row:
                row["payload"] = json.loads(row["payload"])
        return {
            tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: {
                name: value for name, value in row.items() if name not in without
            }
            for row in found
        }

    def contents(
        self, first: date | None = None, last: date | None = None, *, without: set[str] = OURS | FOLLOWS_OURS
    ) -> dict[str, dict[Any, dict[str, Any]]]:
        """Everything that tells about the members' days, but not when we came to know it."""
        return {
            table: {
                key: row
                for key, row in self.rows(table, without=without).items()
                if (first is None or row["day"] >= first) and (last is None or row["day"] <= last)
            }
            for table in (*RECORDS, "daily_summary")
        }

    def truth(self, user_id: int | None = None) -> dict[str, list[dict[str, Any]]]:
        return self.world.truth(self.member if user_id is None else user_id)


def _once(path: str, action: Callable[[], None]) -> Callable[[httpx.Request | httpx.Response], None]:
    """A hook that acts for the first request to the path, and not for the requests that the action sends."""
    waiting = True

    def act(message: httpx.Request | httpx.Response) -> None:
        nonlocal waiting
        request = message.request if isinstance(message, httpx.Response) else message
        if waiting and request.url.path.startswith(path):
            waiting = False
            action()

    return act


@contextmanager
def at_home(
    database_url: str,
    world: World,
    *,
    now: datetime = NOW,
    connect: bool = True,
    per_minute: int = 1_000_000,
    per_day: int = 10_000_000,
) -> Iterator[Home]:
    """A home in that database, its clock standing at `now`, with every member of the world connected."""
    with ExitStack() as stack:
        simulator = stack.enter_context(RunningSimulator(world=world))
        clock = ManualClock(now)
        database = Database(database_url, clock)
        stack.callback(database.close)
        prepare(database)
        settings = Settings(
            client_id=world.app.client_id,
            client_secret=world.app.client_secret,
            redirect_uri="http://localhost:8765/callback",
            api_url=simulator.api_url,
            oauth_url=simulator.oauth_url,
            database_url=database_url,
            token_key="" if database.is_sqlite else "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=",
            requests_per_minute=per_minute,
            requests_per_day=per_day,
        )
        http = stack.enter_context(open_http())
        connection = WhoopSession(settings, database, http=http)
        home = Home(simulator, database, connection, clock, http)
        if connect:
            for user_id in world.user_ids:
                home.connect(user_id)
        yield home
