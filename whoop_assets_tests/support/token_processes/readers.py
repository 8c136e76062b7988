"""Processes that read one member's data with one stored token pair, and a simulator."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe

from whoop_assets.db.database import Database
from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.settings import Settings
from whoop_assets.sync.members.connecting import connect_member
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens import lease as leases
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets_tests.support.waiting import TIMEOUT_SECONDS
from whoop_simulator.http.grants import App
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
SERVED, RECONNECT = "served", "reconnect"

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class LeaseTimes:
    """Duration and grace period of a lease; a short test uses shorter times."""

    lease: timedelta = leases.LEASE_DURATION
    grace: timedelta = leases.GRACE_PERIOD

    def apply(self) -> None:
        leases.LEASE_DURATION, leases.RENEWAL_INTERVAL, leases.GRACE_PERIOD = (
            self.lease,
            self.lease / 3,
            self.grace,
        )


class ReaderProcess:
    """A process that reads the member's profile on command."""

    def __init__(self, settings: Settings, member: int, lease_times: LeaseTimes) -> None:
        self._pipe, child_end = _spawn.Pipe()
        self._process = _spawn.Process(
            target=_read_on_command, args=(child_end, settings, member, lease_times), daemon=True
        )
        self._process.start()
        child_end.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ready(self) -> None:
        assert self._pipe.poll(TIMEOUT_SECONDS), "the process did not start"
        assert self._pipe.recv() == "ready"

    def send(self, command: str) -> None:
        """Send `read`, `read as new process`, or `read until next command`."""
        self._pipe.send(command)

    def result(self) -> tuple[str, str]:
        """Return SERVED and the number of reads, or RECONNECT or an error's name and its message."""
        assert self._pipe.poll(TIMEOUT_SECONDS), "the process returned no result"
        outcome: tuple[str, str] = self._pipe.recv()
        return outcome

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._process.join(TIMEOUT_SECONDS)

    def end(self) -> None:
        self._process.kill()
        self._process.join(TIMEOUT_SECONDS)


def _read_on_command(pipe: Pipe, settings: Settings, member: int, lease_times: LeaseTimes) -> None:
    lease_times.apply()
    database = Database(settings.database_url)
    connection = WhoopSession(settings, database)
    pipe.send("ready")
    while True:
        command = pipe.recv()
        if command == "read as new process":
            connection = WhoopSession(settings, database)
        reads = 0
        try:
            while True:
                connection.client(member, "webhook").profile()
                reads += 1
                if command != "read until next command":
                    break
                if pipe.poll():
                    pipe.recv()
                    break
            pipe.send((SERVED, str(reads)))
        except ReconnectionNeeded as error:
            pipe.send((RECONNECT, str(error)))
        except Exception as error:  # noqa: BLE001 - the test shows what went wrong in there
            pipe.send((type(error).__name__, str(error)))


@dataclass
class TokenReaders:
    """Reader processes, the simulator and the shared database; all use `SystemClock`."""

    simulator: RunningSimulator
    settings: Settings
    connection: WhoopSession
    lease_times: LeaseTimes
    readers: list[ReaderProcess] = field(default_factory=list)

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
        """Store a new consent of the member."""
        issued = self.world.issue_tokens(self.member)
        pair = TokenPair(
            issued["access_token"],
            issued["refresh_token"],
            issued["expires_in"],
            frozenset(issued["scope"].split()),
        )
        connect_member(self.connection, pair)

    def start(self, count: int) -> list[ReaderProcess]:
        """Start further readers and wait until they are ready."""
        new = [ReaderProcess(self.settings, self.member, self.lease_times) for _ in range(count)]
        self.readers += new
        for reader in new:
            reader.ready()
        return new

    def counts(self) -> dict[str, int]:
        """Return the simulator's counters."""
        return {name: value for name, value in self.world.stats().items() if isinstance(value, int)}


@contextmanager
def open_token_readers(
    database_url: str,
    *,
    lease_times: LeaseTimes | None = None,
    token_key: str | None = None,
    app: App | None = None,
) -> Iterator[TokenReaders]:
    """Connect one member; `start` starts its reader processes."""
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
        connection = stack.enter_context(WhoopSession(settings, database))
        group = TokenReaders(simulator, settings, connection, lease_times or LeaseTimes())

        def end_readers() -> None:
            for reader in group.readers:
                reader.end()

        stack.callback(end_readers)
        group.connect()
        yield group
