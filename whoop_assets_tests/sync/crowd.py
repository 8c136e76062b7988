"""Processes that all want one member's data, and a simulator that honours a refresh token once."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any

from whoop_assets.db.database import Database
from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.settings import Settings
from whoop_assets.sync.members.connecting import connect_member
from whoop_assets.sync.session import Connection
from whoop_assets.tokens import lease as leases
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_simulator.http.grants import App
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

PATIENCE = 180.0
KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
SERVED, TOLD = "served", "told"

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Bounds:
    """The lease's times; shorter ones where a test has only seconds."""

    lease: timedelta = leases.LEASE_DURATION
    grace: timedelta = leases.GRACE_PERIOD

    def apply(self) -> None:
        leases.LEASE_DURATION, leases.RENEWAL_INTERVAL, leases.GRACE_PERIOD = (
            self.lease,
            self.lease / 3,
            self.grace,
        )


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return the first true result of the condition."""
    give_up = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < give_up, f"timed out waiting for {what}"
        time.sleep(0.002)
    return found


class Reader:
    """One process that reads the member's profile whenever it is asked to."""

    def __init__(self, settings: Settings, member: int, bounds: Bounds) -> None:
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(
            target=_read_when_asked, args=(theirs, settings, member, bounds), daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ready(self) -> None:
        assert self._pipe.poll(PATIENCE), "the process did not start"
        assert self._pipe.recv() == "ready"

    def ask(self, order: str) -> None:
        """Orders: `read`, `read afresh` (like a new process), `read on` (until the next order)."""
        self._pipe.send(order)

    def answer(self) -> tuple[str, str]:
        """SERVED, TOLD or an error's name, and its sentence; for `read on` the number of reads."""
        assert self._pipe.poll(PATIENCE), "the process did not answer"
        outcome: tuple[str, str] = self._pipe.recv()
        return outcome

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._process.join(PATIENCE)

    def end(self) -> None:
        self._process.kill()
        self._process.join(PATIENCE)


def _read_when_asked(pipe: Pipe, settings: Settings, member: int, bounds: Bounds) -> None:
    bounds.apply()
    database = Database(settings.database_url)
    connection = Connection(settings, database)
    pipe.send("ready")
    while True:
        order = pipe.recv()
        if order == "read afresh":
            connection = Connection(settings, database)
        reads = 0
        try:
            while True:
                connection.client(member, "webhook").profile()
                reads += 1
                if order != "read on":
                    break
                if pipe.poll():
                    pipe.recv()
                    break
            pipe.send((SERVED, str(reads)))
        except ReconnectionNeeded as error:
            pipe.send((TOLD, str(error)))
        except Exception as error:  # noqa: BLE001 - the test shows what went wrong in there
            pipe.send((type(error).__name__, str(error)))


@dataclass
class Crowd:
    """The readers, the simulator and the database that they meet in; all on `SystemClock`."""

    simulator: RunningSimulator
    settings: Settings
    connection: Connection
    bounds: Bounds
    readers: list[Reader] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def database(self) -> Database:
        return self.connection.database

    @property
    def member(self) -> int:
        return self.world.user_ids[0]

    def connect(self) -> None:
        """A new consent, as `connect` stores it."""
        given = self.world.issue_tokens(self.member)
        pair = TokenPair(
            given["access_token"],
            given["refresh_token"],
            given["expires_in"],
            frozenset(given["scope"].split()),
        )
        connect_member(self.connection, pair)

    def join(self, count: int) -> list[Reader]:
        """Start further readers and wait until they are ready."""
        new = [Reader(self.settings, self.member, self.bounds) for _ in range(count)]
        self.readers += new
        for reader in new:
            reader.ready()
        return new

    def counts(self) -> dict[str, int]:
        return {name: value for name, value in self.world.stats().items() if isinstance(value, int)}


@contextmanager
def gathered(
    database_url: str, *, bounds: Bounds | None = None, token_key: str | None = None, app: App | None = None
) -> Iterator[Crowd]:
    """A crowd without readers yet, of one connected member."""
    with ExitStack() as stack:
        world = World(members=1, days=2, seed=7, limits=False, app=app)
        simulator = stack.enter_context(RunningSimulator(world=world))
        database = Database(database_url)
        stack.callback(database.close)
        settings = Settings(
            client_id=world.app.client_id,
            client_secret=world.app.client_secret,
            api_url=simulator.api_url,
            oauth_url=simulator.oauth_url,
            database_url=database_url,
            token_key=token_key if token_key is not None else "" if database.is_sqlite else KEY,
            requests_per_minute=1_000_000,
            requests_per_day=10_000_000,
        )
        connection = stack.enter_context(Connection(settings, database))
        crowd = Crowd(simulator, settings, connection, bounds or Bounds())

        def end_readers() -> None:
            for reader in crowd.readers:
                reader.end()

        stack.callback(end_readers)
        crowd.connect()
        yield crowd
