"""A year of one member: the load (read, validate, assign days, store) against a bare httpx loop without
storage.

    python -m benchmarks.loads.load_alone [--days 365] [--seed 3] [--rounds 5]

Both sides read the same days of the same simulator alternately, on one connection each, without limits. The
bare loop follows WHOOP's cursor and parses the JSON. Each round has its own member and databases, so that no
round reuses stored or cached data. The CPU time is that of the load's process, without the simulator's.
"""

import statistics
import time
from datetime import datetime

import httpx

from benchmarks.options import options
from whoop_assets.sync.load import cycle_span
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.whoop_api.client import instant
from whoop_assets.whoop_api.streams import STREAMS as COLLECTIONS
from whoop_assets_tests.support.deployments.simulator_process import (
    RECORDS,
    STREAMS,
    SimulatedWhoop,
    last_days,
    simulator_process,
)


def load(stage: SimulatedWhoop, member: int, days: int) -> tuple[float, float, int, int]:
    """Seconds, CPU seconds, requests and records of a load of one member into a new database."""
    first, last = last_days(stage, days)
    database, connection = stage.database(f"load{member}", member)
    with database.read() as transaction:
        until = database.now(transaction)
    before, begun, used = stage.requests(), time.perf_counter(), time.process_time()
    records = 0
    for stream in STREAMS:
        done = load_members(connection, LoadRequest(stream, first, last, stage.today, until, until))
        assert not done.failures and not done.warnings, done
        records += int(done.total("created"))
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - used
    connection.close()
    database.close()
    return seconds, cpu_seconds, stage.requests() - before, records


def bare(stage: SimulatedWhoop, token: str, days: int, until: datetime) -> tuple[float, int]:
    """Seconds and requests of a loop that reads every page of the days."""
    first, last = last_days(stage, days)
    span = cycle_span(first, last, until)
    requests = 0
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        client.get(f"{stage.settings.api_url}/v2/user/profile/basic")
        begun = time.perf_counter()
        for path in ("/v2/user/profile/basic", "/v2/user/measurement/body"):
            client.get(stage.settings.api_url + path).json()
            requests += 1
        for stream in RECORDS:
            params = {"limit": "25", "start": instant(span.start), "end": instant(span.end)}
            while True:
                page = client.get(stage.settings.api_url + COLLECTIONS[stream].path, params=params).json()
                requests += 1
                if not page["next_token"]:
                    break
                params["nextToken"] = page["next_token"]
        return time.perf_counter() - begun, requests


def main() -> None:
    chosen = options(__doc__, days=365, seed=3, rounds=5)
    with simulator_process(members=chosen.rounds + 1, days=chosen.days + 15, seed=chosen.seed) as stage:
        loads, cpu, bares = [], [], []
        warm_up, *members = stage.members
        load(stage, warm_up, chosen.days)
        for member in members:
            seconds, cpu_seconds, requests, records = load(stage, member, chosen.days)
            loads.append(seconds)
            cpu.append(cpu_seconds)
            database, connection = stage.database(f"bare{member}", member)
            token = connection.tokens(member).access_token()
            with database.read() as transaction:
                until = database.now(transaction)
            bare_seconds, bare_requests = bare(stage, token, chosen.days, until)
            bares.append(bare_seconds)
            connection.close()
            database.close()
        print(f"load  {spread(loads)}, {requests} requests, {records} records stored")
        print(f"      of which CPU {spread(cpu)}")
        print(f"bare  {spread(bares)}, {bare_requests} requests, nothing stored")
        print(f"ratio {statistics.median(loads) / statistics.median(bares):.2f}")


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"


if __name__ == "__main__":
    main()
