"""The daily API under load, against reading the same rows by SQL.

    python -m benchmarks.service.daily_api [--members 20] [--days 365] [--connections 8] [--requests 400]

`whoop-assets serve` is a process on SQLite and on PostgreSQL. A request is a page with a year of one member.
The comparison is a program that reads the same rows by SQL on one connection, with and without conversion to
JSON. The rows are written directly, without a simulator.

Pages per second depend on the load of the machine. CPU milliseconds per page, of the service and of the SQL
program without the database server, depend on it much less.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from benchmarks.options import options
from benchmarks.service.receiver import service_process
from whoop_assets.db.database import Database
from whoop_assets.members import readers
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.web.api.responses import plain
from whoop_assets_tests.support.data.daily_rows import connect, daily_row
from whoop_assets_tests.support.servers import postgres

FIRST = date(2025, 1, 1)
FORMS = {"JSON": "", "CSV": "&format=csv"}


@dataclass(frozen=True)
class DailyApiData:
    """A database with rows, and a reader's key for them."""

    url: str
    key: str
    members: tuple[int, ...]
    days: int

    @property
    def last(self) -> date:
        return FIRST + timedelta(days=self.days - 1)


def daily_api_data(url: str, members: int, days: int) -> DailyApiData:
    """Rows with a value in every column."""
    database = open_database(Settings(database_url=url), create=True)
    who = tuple(range(10_001, 10_001 + members))
    connect(database, *who)
    with database.write() as connection:
        for user_id in who:
            rows = [daily_row(user_id, FIRST + timedelta(days=n)) for n in range(days)]
            connection.execute(insert(daily_summary), rows)
        _, key = readers.add(connection, "benchmark", who, database.now(connection), 100_000)
    database.close()
    return DailyApiData(url, key, who, days)


class Client:
    """Requests on persistent connections."""

    def __init__(self, netloc: str, stage: DailyApiData) -> None:
        self._host, _, self._port = netloc.partition(":")
        self._stage = stage
        self._next = cycle(stage.members)
        self.seconds: list[float] = []
        self.statuses: set[int] = set()
        self.tags: dict[int, str] = {}
        self.bytes = 0

    async def load(self, requests: int, connections: int, query: str, *, unchanged: bool = False) -> float:
        """Requests per second."""
        left = requests

        async def one() -> None:
            nonlocal left
            reader, writer = await asyncio.open_connection(self._host, int(self._port))
            while left > 0:
                left -= 1
                member = next(self._next)
                headers = f"If-None-Match: {self.tags[member]}\r\n" if unchanged else ""
                began = time.perf_counter()
                await self._get(reader, writer, member, query, headers)
                self.seconds.append(time.perf_counter() - began)
            writer.close()

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(connections)))
        return requests / (time.perf_counter() - began)

    async def _get(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        member: int,
        query: str,
        headers: str,
    ) -> bytes:
        path = f"/api/v1/whoop/daily?from={FIRST}&to={self._stage.last}&limit=1000&member={member}{query}"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {self._stage.key}\r\n{headers}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        self.statuses.add(int(head[0].split()[1]))
        self.tags[member] = fields["etag"]
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        self.bytes += len(body)
        return body

    async def rows(self, member: int) -> list[dict[str, Any]]:
        """The rows of the member from the API."""
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        body = await self._get(reader, writer, member, "", "")
        writer.close()
        found: list[dict[str, Any]] = json.loads(body)["data"]
        return found

    def said(self) -> str:
        cuts = statistics.quantiles(self.seconds, n=100)
        return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"


def by_sql(
    database: Database, stage: DailyApiData, make: Callable[[list[dict[str, Any]]], Any], reads: int
) -> tuple[float, float]:
    """Reads per second of a member's year, one transaction each, and the CPU seconds of each."""
    who = cycle(stage.members)
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(reads):
        make(read(database, next(who)))
    return reads / (time.perf_counter() - began), (time.process_time() - worked) / reads


def worked_by(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read(database: Database, member: int) -> list[dict[str, Any]]:
    c = daily_summary.c
    query = select(daily_summary).where(c.user_id == member, c.day >= FIRST).order_by(c.day)
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps([{name: plain(value) for name, value in row.items()} for row in rows])


def measure(name: str, stage: DailyApiData, chosen: argparse.Namespace) -> None:
    """Run both sides alternately on one database, and keep the best round."""
    database = Database(stage.url)
    best: dict[str, tuple[float, float, str]] = {}

    def note(what: str, rate: float, work: float, said: str = "") -> None:
        known = best.get(what, (0.0, work, said))
        best[what] = (max(rate, known[0]), min(work, known[1]), said if rate > known[0] else known[2])

    with service_process(stage.url) as (netloc, pid):
        told = asyncio.run(Client(netloc, stage).rows(stage.members[-1]))
        assert told == json.loads(as_json(read(database, stage.members[-1])))

        def load(what: str, client: Client, query: str, *, unchanged: bool = False) -> None:
            worked = worked_by(pid)
            rate = asyncio.run(client.load(chosen.requests, chosen.connections, query, unchanged=unchanged))
            assert client.statuses == {304 if unchanged else 200}, client.statuses
            said = f"{client.said()}, {client.bytes / chosen.requests / 1000:.0f} kB each"
            note(what, rate, (worked_by(pid) - worked) / chosen.requests, said)

        for _ in range(chosen.rounds):
            note("SQL, rows alone", *by_sql(database, stage, len, chosen.requests // 2))
            note("SQL, made into JSON", *by_sql(database, stage, as_json, chosen.requests // 2))
            for form, query in FORMS.items():
                load(f"API, {form}", Client(netloc, stage), query)
            client = Client(netloc, stage)
            asyncio.run(client.load(len(stage.members), 1, ""))
            client.statuses.clear()
            client.seconds.clear()
            client.bytes = 0
            load("API, unchanged (304)", client, "", unchanged=True)
    database.close()
    sql_rate, sql_work, _ = best["SQL, rows alone"]
    for what, (rate, work, said) in best.items():
        print(
            f"{name:<11} {what:<21} {rate:7.1f} pages/s ({rate / sql_rate:5.2f} of SQL)"
            f" {rate * stage.days:8.0f} rows/s"
            f" {work * 1000:7.1f} ms of processor a page ({work / sql_work:5.2f} of SQL)  {said}",
            flush=True,
        )


@contextmanager
def places() -> Iterator[dict[str, str]]:
    """A fresh database of each kind."""
    with tempfile.TemporaryDirectory() as folder, postgres.running_server() as server:
        yield {"SQLite": f"sqlite:///{Path(folder) / 'api.db'}", "PostgreSQL": server.create("daily_api")}


def main() -> None:
    chosen = options(__doc__, members=20, days=365, connections=8, requests=400, rounds=3)
    with places() as urls:
        for name, url in urls.items():
            measure(name, daily_api_data(url, chosen.members, chosen.days), chosen)


if __name__ == "__main__":
    main()
