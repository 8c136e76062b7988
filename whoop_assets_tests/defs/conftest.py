"""A Dagster instance and a connected database; the environment has the settings that Dagster's runs read."""

import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE
from whoop_assets.clock import SystemClock
from whoop_assets.sync.session import MAX_RETRY_SECONDS
from whoop_assets_tests.defs.dagster_project import DagsterProject
from whoop_assets_tests.support.dagster_instance import instance_in
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import at_home
from whoop_assets_tests.support.plain_settings import plain
from whoop_simulator.world.world import World

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _short_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens retries: Dagster's runs use the system's clock, so a permanent fault would cost real time."""
    monkeypatch.setattr("whoop_assets.retry.FIRST_BACKOFF_SECONDS", 0.001)
    for lane in MAX_RETRY_SECONDS:
        monkeypatch.setitem(MAX_RETRY_SECONDS, lane, 0.2)


@pytest.fixture(scope="session")
def dagster_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Dagster instance with tables; a copy is faster than a new instance."""
    folder = tmp_path_factory.mktemp("dagster")
    with instance_in(folder) as instance:
        instance.get_runs(limit=1)
        instance.all_asset_keys()
        instance.all_instigator_state()
    return folder


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An HTTP server; yields its URL and the list of posted bodies."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if "broken" in self.path else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", posted
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(
    new_database_url: Callable[..., str],
    dagster_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., AbstractContextManager[DagsterProject]]:
    """`with project(members=2, days=20) as p:` creates a project; the arguments configure the simulator.

    `dagster_url`: the PostgreSQL database of Dagster's storages; by default they are files.
    """

    @contextmanager
    def make(
        kind: str = "sqlite", *, dagster_url: str | None = None, **world: Any
    ) -> Iterator[DagsterProject]:
        frozen = {"now": NOW, "frozen": True, "limits": False}
        simulated = World(**{"members": 1, "days": 25, "seed": 7, **frozen, **world})
        folder = Path(shutil.copytree(dagster_template, tmp_path / f"dagster{next(_numbers)}"))
        with (
            at_home(new_database_url(kind), simulated, now=SystemClock().now()) as home,
            instance_in(folder, dagster_url) as instance,
        ):
            settings = home.connection.settings
            for name in ("client_id", "client_secret", "api_url", "oauth_url", "database_url", "token_key"):
                monkeypatch.setenv(f"WHOOP_{name.upper()}", plain(settings, name))
            monkeypatch.setenv(EVENT_BATCH_SIZE, str(DEFAULT_EVENT_BATCH_SIZE))
            monkeypatch.setenv("WHOOP_REQUESTS_PER_MINUTE", "1000000")
            monkeypatch.setenv("WHOOP_REQUESTS_PER_DAY", "10000000")
            yield DagsterProject(home, instance)

    return make
