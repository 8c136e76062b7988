"""The webhook receiver: deliveries per second, and response times at 50 a second; each response follows its
commit.

    python -m benchmarks.service.receiver [--deliveries 10000] [--connections 50] [--seconds 20] [--rate 50]
                                          [--pages 50] [--page-seconds 30] [--rounds 5] [--pages-only]

`whoop-assets serve` is a process on SQLite and on a PostgreSQL that syncs to disk. SQLite is measured again
while another process loads a year repeatedly into the same file. Every delivery has a valid signature, and
finally the rows are counted.

The last figure is the ratio of the response times with and without open pages. Signed-in members open their
page and reload it every `--page-seconds`, spread evenly. Rounds with and without them alternate.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

from whoop_assets.db.database import Database
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.records.stale_days import STALE_TRENDS
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.summaries.rebuild import rebuild_days, rebuild_stale_trends
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.session import WhoopSession
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets.webhooks import inbox
from whoop_assets.whoop_api.webhooks import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from whoop_assets_tests.support.deployments.simulator_process import (
    STREAMS,
    SimulatedWhoop,
    last_days,
    simulator_process,
)
from whoop_assets_tests.support.servers import postgres

SECRET = "simulator-secret"
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def service(url: str) -> Iterator[str]:
    """Run `whoop-assets serve` on the database; yields its URL."""
    with service_process(url) as (netloc, _):
        yield netloc


@contextmanager
def service_process(url: str, variables: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """Run `whoop-assets serve` on the database with these variables; yields its URL and process id."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHOOP_")}
    environment |= {
        "WHOOP_CLIENT_ID": "whoop-simulator",
        "WHOOP_CLIENT_SECRET": SECRET,
        "WHOOP_DATABASE_URL": url,
        **(variables or {}),
    }
    command = [sys.executable, "-m", "whoop_assets.cli", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield urlsplit(process.stdout.readline().split()[3].rstrip(";")).netloc, process.pid
    finally:
        process.terminate()
        process.wait()


def delivery(user_id: int) -> bytes:
    """A complete request, signed with the current time."""
    said = {
        "user_id": user_id,
        "id": str(uuid.uuid4()),
        "type": "sleep.updated",
        "trace_id": str(uuid.uuid4()),
    }
    body, timestamp = json.dumps(said).encode(), str(time.time_ns() // 1_000_000)
    head = (
        f"POST /webhooks/whoop HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"{TIMESTAMP_HEADER}: {timestamp}\r\n{SIGNATURE_HEADER}: {signature(SECRET, timestamp, body)}\r\n\r\n"
    )
    return head.encode() + body


class Reader:
    """Signed-in members who keep their page open: each reloads it after a pause."""

    def __init__(self, netloc: str, tokens: list[str], pause_seconds: float) -> None:
        self._host, _, self._port = netloc.partition(":")
        self._tokens = tokens
        self._pause = pause_seconds
        self.pages = 0

    async def read(self) -> None:
        """Reload all pages until the task is canceled."""
        count = len(self._tokens)
        await asyncio.gather(
            *(self._keep_open(token, self._pause * place / count) for place, token in enumerate(self._tokens))
        )

    async def _keep_open(self, token: str, first_pause: float) -> None:
        await asyncio.sleep(first_pause)
        while True:
            reader, writer = await asyncio.open_connection(self._host, int(self._port))
            head = f"GET /me HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={token}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
            page = await reader.read(-1)
            writer.close()
            assert page.startswith(b"HTTP/1.1 200"), page[:100]
            assert b"Connection to WHOOP" in page
            self.pages += 1
            await asyncio.sleep(self._pause)


class Sender:
    """Persistent connections. `send` records the status and the seconds to the response."""

    def __init__(self, netloc: str, user_id: int) -> None:
        self._host, _, self._port = netloc.partition(":")
        self._user_id = user_id
        self._idle: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.LifoQueue()
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []

    async def send(self) -> None:
        request = delivery(self._user_id)
        began = time.perf_counter()
        if self._idle.empty():
            reader, writer = await asyncio.open_connection(self._host, int(self._port))
        else:
            reader, writer = self._idle.get_nowait()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        if b"content-length: " in answer:
            await reader.readexactly(int(answer.partition(b"content-length: ")[2].split()[0]))
        self.seconds.append(time.perf_counter() - began)
        self.statuses[int(answer.split()[1])] += 1
        self._idle.put_nowait((reader, writer))

    async def as_fast_as_it_goes(self, count: int, connections: int) -> float:
        """Deliveries per second."""
        left = count

        async def one() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await self.send()

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(connections)))
        return count / (time.perf_counter() - began)

    async def paced(self, seconds: float, rate: float) -> None:
        """Send at a fixed rate, without waiting for earlier responses."""
        began, sent = time.perf_counter(), []
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            sent.append(asyncio.create_task(self.send()))
        await asyncio.gather(*sent)

    def percentiles(self) -> tuple[float, float]:
        """Median and 99th percentile of the response, in milliseconds."""
        cuts = statistics.quantiles(self.seconds, n=100)
        return cuts[49] * 1000, cuts[98] * 1000

    def said(self) -> str:
        assert set(self.statuses) == {204}, self.statuses
        (p50, p99), longest = self.percentiles(), max(self.seconds) * 1000
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.0f} ms"


def measure(
    name: str, url: str, user_id: int, chosen: argparse.Namespace, *, throughput: bool = True
) -> None:
    """Measure both figures on one database, and check that every delivery is stored."""
    sent = 0
    with service(url) as netloc:
        if throughput:
            sender = Sender(netloc, user_id)
            rate = asyncio.run(sender.as_fast_as_it_goes(chosen.deliveries, chosen.connections))
            sent += len(sender.seconds)
            print(
                f"{name:<24} {rate:6.0f} deliveries/s on {chosen.connections} connections; {sender.said()}",
                flush=True,
            )
        sender = Sender(netloc, user_id)
        asyncio.run(sender.paced(chosen.seconds, chosen.rate))
        sent += len(sender.seconds)
        print(f"{name:<24} at {chosen.rate:.0f}/s: {sender.said()}", flush=True)
    database = Database(url)
    with database.read() as connection:
        stored = inbox.figures(connection).open
    database.close()
    print(f"{name:<24} {sent} answered 204, {stored} stored", flush=True)


def with_open_pages(stage: SimulatedWhoop, chosen: argparse.Namespace) -> None:
    """Measure the response at the rate with and without open pages, in turns."""
    database, connection = stage.database("pages")
    settings = stage.with_database("pages")
    first, last = last_days(stage, chosen.days)
    with database.read() as transaction:
        until = database.now(transaction)
    for stream in STREAMS:
        load_members(connection, LoadRequest(stream, first, last, last, until, until))
    members = stage.members
    rebuild_days(database, members, first, last)
    with database.read() as transaction:
        stale = STALE_TRENDS.generations(transaction, members, first, last)
    rebuild_stale_trends(database, stale)
    with database.write() as transaction:
        now = database.now(transaction)
        tokens = [sessions.begin(transaction, members[n % len(members)], now) for n in range(chosen.pages)]
    connection.close()
    database.close()
    medians: list[float] = []
    ratios: list[float] = []
    with service(settings.database_url) as netloc:

        async def once(*, pages: bool) -> tuple[float, float]:
            sender, reader = Sender(netloc, members[0]), Reader(netloc, tokens, chosen.page_seconds)
            reading = asyncio.create_task(reader.read()) if pages else None
            await sender.paced(chosen.seconds, chosen.rate)
            if reading is not None:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
            text = f"{reader.pages} pages meanwhile" if pages else "no page open"
            print(f"{'SQLite, ' + text:<34} at {chosen.rate:.0f}/s: {sender.said()}", flush=True)
            return sender.percentiles()

        asyncio.run(once(pages=True))  # warms the templates up
        for _ in range(chosen.rounds):
            alone, beside = asyncio.run(once(pages=False)), asyncio.run(once(pages=True))
            medians.append(beside[0] / alone[0])
            ratios.append(beside[1] / alone[1])
    for name, found in (("median", medians), ("p99", ratios)):
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(
            f"{chosen.pages} open pages: {name} {statistics.median(found):.2f} times that without pages"
            f" ({spread} in {chosen.rounds} rounds)",
            flush=True,
        )


def load_again_and_again(
    settings: Settings, days: int, stage_today: str, stop: Event, rounds: "multiprocessing.Queue[int]"
) -> None:
    """Load like a backfill, without pause, until `stop` is set."""
    from datetime import date, timedelta

    today = date.fromisoformat(stage_today)
    database = open_database(settings, create=True)
    done = 0
    with WhoopSession(settings, database) as connection:
        while not stop.is_set():
            with database.read() as transaction:
                until = database.now(transaction)
            for stream in STREAMS:
                if not stop.is_set():
                    load_members(
                        connection,
                        LoadRequest(stream, today - timedelta(days=days - 1), today, today, until, until),
                    )
            done += 1
    database.close()
    rounds.put(done)


def while_loading(stage: SimulatedWhoop, chosen: argparse.Namespace) -> None:
    """SQLite while a load takes its write lock repeatedly."""
    database, connection = stage.database("loading")
    connection.close()
    database.close()
    settings = stage.with_database("loading")
    first, last = last_days(stage, chosen.days)
    context = multiprocessing.get_context("spawn")
    stop, rounds = context.Event(), context.Queue()
    process = context.Process(
        target=load_again_and_again, args=(settings, (last - first).days + 1, str(stage.today), stop, rounds)
    )
    process.start()
    try:
        measure("SQLite while loading", settings.database_url, stage.members[0], chosen)
    finally:
        stop.set()
        print(f"{'':<24} the load read {chosen.days} days {rounds.get(timeout=300)} times meanwhile")
        process.join()


def with_member(url: str, user_id: int) -> str:
    """A database with the schema and one member."""
    database = open_database(Settings(database_url=url), create=True)
    with database.write() as connection:
        nobody = {"email": None, "first_name": None, "last_name": None}
        member_store.connect(connection, user_id, ["offline"], nobody, database.now(connection))
    database.close()
    return url


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--pages", type=int, default=50, help="pages of signed-in members")
    parser.add_argument("--page-seconds", type=float, default=30, help="pause before a page is reloaded")
    parser.add_argument("--rounds", type=int, default=5, help="with and without pages")
    parser.add_argument("--pages-only", action="store_true", help="only the rounds with and without pages")
    parser.add_argument("--days", type=int, default=365, help="days that the other process loads")
    chosen = parser.parse_args()
    if not chosen.pages_only:
        alone(chosen)
    with simulator_process(members=5, days=chosen.days + 15, seed=4) as team:
        with_open_pages(team, chosen)


def alone(chosen: argparse.Namespace) -> None:
    """Measure the databases without pages, and SQLite during a load."""
    with simulator_process(members=1, days=chosen.days + 15, seed=3) as stage:
        user_id = stage.members[0]
        measure("SQLite", with_member(f"sqlite:///{stage.folder / 'alone.db'}", user_id), user_id, chosen)
        while_loading(stage, chosen)
        postgres.OPTIONS.update(DURABLE)
        with postgres.running_server() as server:
            measure("PostgreSQL", with_member(server.create("receiver"), user_id), user_id, chosen)


if __name__ == "__main__":
    main()
