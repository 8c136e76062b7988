"""A year of one member: the load (read, validate, assign days, store) against a bare httpx loop without
storage.

    python -m benchmarks.loads.load_alone [--days 365] [--seed 3] [--rounds 5]

A third side is the minimum of any load into these tables: the bare loop, with one committed budget row before
each page, and with validation and hashing of each record after it. Every eight pages it inserts rows that
were computed before, into the table and into `record_versions`, with sqlite3 directly. It computes no
columns, days or ledger entries.

All sides read the same days of the same simulator alternately, on one connection each, without limits. The
bare loop follows WHOOP's cursor and parses the JSON. Each round has its own member and databases, so that no
round reuses stored or cached data.
"""

import argparse
import sqlite3
import statistics
import time
from datetime import datetime
from typing import Any

import httpx

from whoop_assets.schema import open_database
from whoop_assets.sync.load import cycle_span
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.pagination import PAGES_PER_PIECE
from whoop_assets.sync.parsing import canonical
from whoop_assets.whoop_api.client import instant
from whoop_assets.whoop_api.streams import STREAMS as COLLECTIONS
from whoop_assets_tests.support.deployments.simulator_process import (
    RECORDS,
    STREAMS,
    SimulatedWhoop,
    last_days,
    simulator_process,
)


def load(stage: SimulatedWhoop, member: int, days: int) -> tuple[float, int, int]:
    """Seconds, requests and records of a load of one member into a new database."""
    first, last = last_days(stage, days)
    database, connection = stage.database(f"load{member}", member)
    with database.read() as transaction:
        until = database.now(transaction)
    before, begun = stage.requests(), time.perf_counter()
    records = 0
    for stream in STREAMS:
        done = load_members(connection, LoadRequest(stream, first, last, stage.today, until, until))
        assert not done.failures and not done.warnings, done
        records += int(done.total("created"))
    seconds, requests = time.perf_counter() - begun, stage.requests() - before
    connection.close()
    database.close()
    return seconds, requests, records


class Least:
    """The minimum work of any load into these tables."""

    def __init__(self, stage: SimulatedWhoop, member: int) -> None:
        open_database(stage.with_database(f"least{member}"), create=True).close()
        self._file = sqlite3.connect(stage.folder / f"least{member}.db", isolation_level=None)
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._rows: list[tuple[int | str, str]] = []
        self._pages = 0
        with sqlite3.connect(stage.folder / f"load{member}.db") as loaded:
            self._stored = {
                stream: {row[0]: row for row in loaded.execute(f"SELECT * FROM {stream}")}  # noqa: S608
                for stream in RECORDS
            }
            versions = loaded.execute("SELECT * FROM record_versions").fetchall()
            self._versions = {
                (stream, content_hash): row for row in versions for stream, _, content_hash in [row[:3]]
            }

    def ask(self) -> None:
        self._file.execute(
            "INSERT INTO request_grants (granted_at, lane) VALUES (?, 'backfill')", (time.time(),)
        )

    def keep(self, stream: str, records: list[dict[str, Any]], *, last: bool) -> None:
        for raw in records:
            record = COLLECTIONS[stream].model.model_validate(raw)
            _, content_hash = canonical(raw)
            key = getattr(record, COLLECTIONS[stream].key)
            self._rows.append((key if isinstance(key, int) else str(key), content_hash))
        self._pages += 1
        if last or self._pages % PAGES_PER_PIECE == 0:
            rows = [self._stored[stream][key] for key, _ in self._rows if key in self._stored[stream]]
            hashes = [(stream, content_hash) for _, content_hash in self._rows]
            versions = [self._versions[version] for version in hashes if version in self._versions]
            self._file.execute("BEGIN IMMEDIATE")
            self._insert(stream, rows)
            self._insert("record_versions", versions)
            self._file.execute("COMMIT")
            self._rows = []

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        marks = ", ".join("?" * len(rows[0]))
        self._file.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608

    def close(self) -> int:
        """Number of stored records."""
        stored = sum(
            int(self._file.execute(f"SELECT count(*) FROM {stream}").fetchone()[0])  # noqa: S608
            for stream in RECORDS
        )
        self._file.close()
        return stored


def bare(
    stage: SimulatedWhoop, token: str, days: int, until: datetime, least: Least | None = None
) -> tuple[float, int]:
    """Seconds and requests of a loop that reads every page of the days and passes it to `least`."""
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
                    least.keep(stream, page["records"], last=not page["next_token"])
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
    with simulator_process(members=chosen.rounds + 1, days=chosen.days + 15, seed=chosen.seed) as stage:
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
            least = Least(stage, member)
            leasts.append(bare(stage, token, chosen.days, until, least)[0])
            least_stored = least.close()
            connection.close()
            database.close()
        print(f"load  {spread(loads)}, {requests} requests, {records} records stored")
        print(
            f"least {spread(leasts)}, {bare_requests} requests, {least_stored} records stored, nothing"
            f" worked out"
        )
        print(f"bare  {spread(bares)}, {bare_requests} requests, nothing stored")
        looped, floor = statistics.median(bares), statistics.median(leasts)
        print(
            f"ratio {statistics.median(loads) / looped:.2f} (at most 2); the least alone {floor / looped:.2f}"
        )


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"


if __name__ == "__main__":
    main()
