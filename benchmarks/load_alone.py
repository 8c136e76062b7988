"""A year of one member: the load (read, validate, file, store) against a bare httpx loop that stores nothing.

Between the two stands the least that any load does: the same loop, which before each page commits one row for the budget,
and after it validates each record the short way, hashes it and inserts it twice, with sqlite3 itself and nothing looked up.
What it takes more than the bare loop no load can save; what the load takes more than it, ours could.

    python -m benchmarks.load_alone [--days 365] [--seed 3] [--rounds 5]

All read the same days of the same simulator, in turns, on one connection each, without limits or latency. The bare loop
follows WHOOP's cursor; it parses the JSON and drops it, or hands it on to the least. Every round has a member and a database
of its own, so that a load finds nothing of the round before, neither stored nor in memory.
"""

import argparse
import sqlite3
import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.stage import RECORDS, STREAMS, Stage, last_days, staged
from whoop_assets.ingest.content import SHORT_WAYS, canonical
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


class Least:
    """What no load can leave out, by the shortest way there is."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=NORMAL",
            "CREATE TABLE grants (at REAL)",
            "CREATE TABLE records (key TEXT PRIMARY KEY, at REAL, hash TEXT, payload TEXT)",
            "CREATE TABLE versions (key TEXT, hash TEXT, payload TEXT, PRIMARY KEY (key, hash))",
        ):
            self._file.execute(statement)

    def ask(self) -> None:
        self._file.execute("INSERT INTO grants VALUES (?)", (time.time(),))

    def keep(self, stream: str, records: list[dict[str, Any]]) -> None:
        rows = []
        for raw in records:
            assert SHORT_WAYS[stream].read(raw) is not None
            text, content_hash = canonical(raw)
            rows.append((f"{stream}/{raw[COLLECTIONS[stream].key]}", content_hash, text))
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany("INSERT INTO records VALUES (?1, 0, ?2, ?3)", rows)
        self._file.executemany("INSERT INTO versions VALUES (?, ?, ?)", rows)
        self._file.execute("COMMIT")

    def close(self) -> None:
        self._file.close()


def bare(
    stage: Stage, token: str, days: int, until: datetime, least: Least | None = None
) -> tuple[float, int]:
    """Seconds and requests of a loop that reads every page of the same days; what it does with them is the least's."""
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
                if least is not None:
                    least.ask()
                page = client.get(stage.settings.api_url + COLLECTIONS[stream].path, params=params).json()
                requests += 1
                if least is not None:
                    least.keep(stream, page["records"])
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
        loads, bares, leasts = [], [], []
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
            least = Least(stage.folder / f"least{member}.db")
            leasts.append(bare(stage, token, chosen.days, until, least)[0])
            least.close()
            connection.close()
            database.close()
        print(f"load  {spread(loads)}, {requests} requests, {records} records stored")
        print(f"least {spread(leasts)}, {bare_requests} requests, the same records stored, nothing looked up")
        print(f"bare  {spread(bares)}, {bare_requests} requests, nothing stored")
        looped, floor = statistics.median(bares), statistics.median(leasts)
        print(
            f"ratio {statistics.median(loads) / looped:.2f} (at most 2); the least alone {floor / looped:.2f}"
        )


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"


if __name__ == "__main__":
    main()
