"""Processes that send requests without pause on one request budget."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet

from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sync.session import WhoopSession
from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop
from whoop_assets_tests.support.servers.postgres import running_server

WEBHOOKS_PER_MINUTE = 5
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class BudgetLoadResult:
    """Counts of a measurement: `served` per process, `limited` and `worst_minute` from the simulator."""

    served: list[int]
    seconds: float
    limited: int
    worst_minute: int
    waits: list[float]

    @property
    def rate(self) -> float:
        """Requests per minute."""
        return (sum(self.served) + len(self.waits)) / self.seconds * 60


def send_without_pause(settings: Settings, user_id: int, ready: Any, stop: Any, served: Any) -> None:
    """Send the smallest request in the backfill lane without pause, until `stop` is set."""
    database = Database(settings.database_url)
    with WhoopSession(settings, database, "flat out") as connection:
        client = connection.client(user_id, "backfill")
        ready.wait()
        while not stop.is_set():
            client.profile()
            served.value += 1
    database.close()


def send_at_random_times(
    settings: Settings, user_id: int, ready: Any, stop: Any, waits: Any, seed: int
) -> None:
    """Send requests in the webhook lane at random times, and record the seconds of each."""
    database = Database(settings.database_url)
    with WhoopSession(settings, database, "webhooks") as connection:
        client, chance = connection.client(user_id, "webhook"), random.Random(seed)
        ready.wait()
        while not stop.wait(chance.expovariate(WEBHOOKS_PER_MINUTE / 60)):
            start = time.monotonic()
            client.profile()
            waits.append(time.monotonic() - start)
    database.close()


def flat_out(
    stage: SimulatedWhoop,
    settings: Settings,
    *,
    processes: int,
    seconds: float,
    webhooks: bool,
    seed: int = 1,
) -> BudgetLoadResult:
    """Run the processes for some seconds on a database that `SimulatedWhoop.connected` created."""
    before = stage.stats()
    with SPAWN.Manager() as manager:
        ready, stop = SPAWN.Barrier(processes + webhooks + 1), SPAWN.Event()
        served = [SPAWN.Value("i", 0) for _ in range(processes)]
        waits = manager.list()
        user_id = stage.members[0]
        workers = [
            SPAWN.Process(target=send_without_pause, args=(settings, user_id, ready, stop, count))
            for count in served
        ]
        if webhooks:
            workers.append(
                SPAWN.Process(target=send_at_random_times, args=(settings, user_id, ready, stop, waits, seed))
            )
        for worker in workers:
            worker.start()
        ready.wait()
        begun = time.monotonic()
        time.sleep(seconds)
        counts = [count.value for count in served]
        elapsed = time.monotonic() - begun
        stop.set()
        for worker in workers:
            worker.join()
        waited = list(waits)
    after = stage.stats()
    return BudgetLoadResult(
        counts, elapsed, after["limited"] - before["limited"], after["worst_minute"], waited
    )


@contextmanager
def databases(stage: SimulatedWhoop, kinds: list[str]) -> Iterator[dict[str, Settings]]:
    """Create a database of each kind, with all members connected."""
    with ExitStack() as cleanup:
        made = {}
        for kind in kinds:
            settings = stage.with_database("budget")
            if kind == "postgresql":
                url = cleanup.enter_context(running_server()).create("budget")
                settings = settings.replace(database_url=url, token_key=Fernet.generate_key().decode())
            database, connection = stage.connected(settings)
            connection.close()
            database.close()
            made[kind] = settings
        yield made
