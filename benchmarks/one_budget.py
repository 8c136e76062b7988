"""Several processes on one request budget, the simulator enforcing WHOOP's limits (100 a minute, 10,000 a day).

    python -m benchmarks.one_budget [--seconds 180] [--processes 6] [--databases sqlite postgresql]

First all of them ask without end in the backfill lane: how many 429s, what share of the allowed rate was used, the
worst minute as the simulator counted it, and how evenly the slots went round. Then, while they go on, requests of the
webhook lane arrive at random, five a minute: how long each took, from the moment it was wanted to its answer.
"""

import argparse
import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet

from benchmarks.stage import Stage, staged
from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sync.session import Connection
from whoop_assets_tests.support.postgres import running_server

WEBHOOKS_A_MINUTE = 5
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Outcome:
    """`served` per process; the rest as the simulator counted it."""

    served: list[int]
    seconds: float
    limited: int
    worst_minute: int
    waits: list[float]

    @property
    def rate(self) -> float:
        """Requests a minute."""
        return (sum(self.served) + len(self.waits)) / self.seconds * 60


def ask_without_end(settings: Settings, user_id: int, ready: Any, stop: Any, served: Any) -> None:
    """One process: the smallest request there is, in the backfill lane, until it is told to stop."""
    database = Database(settings.database_url)
    with Connection(settings, database, "flat out") as connection:
        client = connection.client(user_id, "backfill")
        ready.wait()
        while not stop.is_set():
            client.profile()
            served.value += 1
    database.close()


def ask_now_and_then(settings: Settings, user_id: int, ready: Any, stop: Any, waits: Any, seed: int) -> None:
    """One process: a request of the webhook lane at random moments; how long each took."""
    database = Database(settings.database_url)
    with Connection(settings, database, "webhooks") as connection:
        client, chance = connection.client(user_id, "webhook"), random.Random(seed)
        ready.wait()
        while not stop.wait(chance.expovariate(WEBHOOKS_A_MINUTE / 60)):
            begun = time.monotonic()
            client.profile()
            waits.append(time.monotonic() - begun)
    database.close()


def flat_out(
    stage: Stage, settings: Settings, *, processes: int, seconds: float, webhooks: bool, seed: int = 1
) -> Outcome:
    """So many processes for so long; on a database that `stage.connected` has made."""
    before = stage.stats()
    with SPAWN.Manager() as manager:
        ready, stop = SPAWN.Barrier(processes + webhooks + 1), SPAWN.Event()
        served = [SPAWN.Value("i", 0) for _ in range(processes)]
        waits = manager.list()
        user_id = stage.members[0]
        workers = [
            SPAWN.Process(target=ask_without_end, args=(settings, user_id, ready, stop, count))
            for count in served
        ]
        if webhooks:
            workers.append(
                SPAWN.Process(target=ask_now_and_then, args=(settings, user_id, ready, stop, waits, seed))
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
    return Outcome(counts, elapsed, after["limited"] - before["limited"], after["worst_minute"], waited)


@contextmanager
def databases(stage: Stage, kinds: list[str]) -> Iterator[dict[str, Settings]]:
    """A new database of each kind, with the members connected."""
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    for kind in chosen.databases:
        # A simulator each: two databases would be two budgets, of one app.
        for webhooks in (False, True):
            with staged(members=1, days=2, seed=1, limits=True) as stage, databases(stage, [kind]) as made:
                outcome = flat_out(
                    stage, made[kind], processes=chosen.processes, seconds=chosen.seconds, webhooks=webhooks
                )
            said = (
                f"{kind}: {sum(outcome.served)} backfill requests in {outcome.seconds:.0f} s,"
                f" {outcome.rate / 100:.1%} of the allowed rate, {outcome.limited} times 429, worst minute"
                f" {outcome.worst_minute}, per process {min(outcome.served)} to {max(outcome.served)}"
            )
            if outcome.waits:
                said += (
                    f"; {len(outcome.waits)} webhook requests took {statistics.median(outcome.waits):.3f} s"
                    f" (median), {max(outcome.waits):.3f} s (worst)"
                )
            print(said, flush=True)


if __name__ == "__main__":
    main()
