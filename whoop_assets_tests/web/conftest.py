"""Fixtures: a running HTTP service on a new database of each kind, with one member."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from whoop_assets.db.database import Database
from whoop_assets.members import store as member_store
from whoop_assets.settings import Settings
from whoop_assets.sync.session import WhoopSession
from whoop_assets.web import WEBHOOK_PATH
from whoop_assets.web.app import create_app
from whoop_assets.web.server import ServiceServer
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import Event
from whoop_assets.whoop_api.webhooks import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES

SECRET, MEMBER = "simulator-secret", 10129
TOKEN_KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
START_SECONDS = 60


def event(**changes: Any) -> dict[str, Any]:
    """An event as WHOOP sends it, with a new trace id."""
    body_fields = {
        "user_id": MEMBER,
        "id": str(uuid.uuid4()),
        "type": "sleep.updated",
        "trace_id": str(uuid.uuid4()),
    }
    return body_fields | changes


def signed(body: bytes, *, secret: str = SECRET, age: float = 0.0) -> dict[str, str]:
    """Return the headers of a delivery that was signed `age` seconds ago."""
    timestamp = str(int((time.time() - age) * 1000))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature(secret, timestamp, body)}


@dataclass
class Service:
    """A running service and the database behind it."""

    server: ServiceServer
    settings: Settings
    database: Database
    thread: threading.Thread

    @property
    def url(self) -> str:
        return self.server.base_url + WEBHOOK_PATH

    @property
    def port(self) -> int:
        return int(self.server.socket.getsockname()[1])

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.server.base_url + path, verify=NO_CERTIFICATES, **{"timeout": 60, **options})

    def deliver(self, body_fields: dict[str, Any] | bytes, **headers: str) -> httpx.Response:
        body = body_fields if isinstance(body_fields, bytes) else json.dumps(body_fields).encode()
        signature = {**signed(body), **headers}
        return httpx.post(self.url, content=body, headers=signature, verify=NO_CERTIFICATES, timeout=60)

    def stored(self) -> dict[str, Event]:
        with self.database.read() as connection:
            return {event.trace_id: event for event in inbox.listed(connection)}

    def count(self, outcome: str) -> int:
        """Return the number of deliveries with this outcome from the metrics."""
        (line,) = [
            line
            for line in self.get("/metrics").text.splitlines()
            if line.startswith(f'whoop_deliveries_total{{outcome="{outcome}"}}')
        ]
        return int(float(line.split()[-1]))

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(START_SECONDS)
        assert not self.thread.is_alive()


def hold_the_write_lock(database: Database) -> tuple[threading.Thread, threading.Event]:
    """Hold the write lock in a thread until the event is set."""
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            taken.set()
            release.wait(300)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(60)
    return thread, release


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Start services with the member MEMBER: `serve(database_url, **settings)`.

    By default a delivery may take a minute: a busy machine can need more than a second for a commit.
    """
    with ExitStack() as cleanup:

        def start(url: str, *, max_commit_seconds: float = START_SECONDS, **changes: Any) -> Service:
            database = Database(url)
            cleanup.callback(database.close)
            with database.write() as connection:
                no_profile = {"email": None, "first_name": None, "last_name": None}
                member_store.connect(connection, MEMBER, ["offline"], no_profile, database.now(connection))
            settings = Settings(
                client_id="app", client_secret=SECRET, database_url=url, token_key=TOKEN_KEY
            ).replace(**changes)
            session = cleanup.enter_context(WhoopSession(settings, database))
            ready = threading.Event()
            app = create_app(session, lambda user_id: False, max_commit_seconds=max_commit_seconds)
            server = ServiceServer(app, "127.0.0.1", 0, lambda _: ready.set())
            thread = threading.Thread(target=server.serve_until_stopped, daemon=True)
            thread.start()
            assert ready.wait(START_SECONDS)
            service = Service(server, settings, database, thread)
            cleanup.callback(service.stop)
            return service

        yield start


@pytest.fixture
def service(serve: Callable[..., Service], database_url: str) -> Service:
    """A service on a database of either kind."""
    return serve(database_url)


@pytest.fixture
def sqlite_service(serve: Callable[..., Service], sqlite_url: str) -> Service:
    return serve(sqlite_url)
