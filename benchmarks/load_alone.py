"""A year of one member: the load (read, validate, file, store) against a bare httpx loop that stores nothing.

    python -m benchmarks.load_alone [--days 365] [--seed 3] [--rounds 5]

Both read the same days of the same simulator, in turns, on one connection each, without limits or latency. The bare loop
follows WHOOP's cursor; it parses the JSON and drops it. Every round has a member and a database of its own, so that a
load finds nothing of the round before, neither stored nor in memory.
"""

import argparse
import statistics
import time
from datetime import datetime

import httpx

from benchmarks.stage import RECORDS, STREAMS, Stage, last_days, staged
from whoop_assets.ingest.everybody import Order, load_everybody
from whoop_assets.ingest.windows import cycle_span
from whoop_assets.whoop.client import instant
from whoop_assets.whoop.streams import STREAMS as COLLECTIONS


def load(stage: Stage, member: int, days: int) -> tuple[float, int, int]:
    """Seconds, requests and records of a load of one member into a new database."""
    first, last = last_days(stage, days)
    database, connection = stage.database(f"load{member}", member)
    with database.read() as transaction:
        until = database.now(transaction)
    before, begun = stage.requests(), time.perf_counter()
    records = 0
    for stream in STREAMS:
        done = load_everybody(connection, Order(stream, first, last, stage.today, until, until))
        assert not done.failures and not done.warnings, done
        records += int(done.total("created"))
    seconds, requests = time.perf_counter() - begun, stage.requests() - before
    connection.close()
    database.close()
    return seconds, requests, records


def bare(stage: Stage, token: str, days: int, until: datetime) -> tuple[float, int]:
    """Seconds and requests of a loop that reads every page of the same days."""
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with staged(members=chosen.rounds + 1, days=chosen.days + 15, seed=chosen.seed) as stage:
        loads, bares = [], []
        warm_up, *members = stage.members
        load(stage, warm_up, chosen.days)
        for member in members:
            seconds, requests, records = load(stage, member, chosen.days)
            loads.append(seconds)
            database, connection = stage.database(f"bare{member}", member)
            token = connection.client(member, "backfill")._tokens.access_token()
            with database.read() as transaction:
                until = database.now(transaction)
            bare_seconds, bare_requests = bare(stage, token, chosen.days, until)
            bares.append(bare_seconds)
            connection.close()
            database.close()
        loaded, looped = statistics.median(loads), statistics.median(bares)
        print(
            f"load  {loaded:.3f} s ({min(loads):.3f} to {max(loads):.3f}), {requests} requests, {records} records stored"
        )
        print(
            f"bare  {looped:.3f} s ({min(bares):.3f} to {max(bares):.3f}), {bare_requests} requests, nothing stored"
        )
        print(f"ratio {loaded / looped:.2f} (at most 2)")


if __name__ == "__main__":
    main()
