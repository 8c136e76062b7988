"""A simulator as a process, with connected members, for benchmarks and drills."""

import json
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from whoop_assets.db.database import Database
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.sync.members.connecting import connect_member
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api import streams
from whoop_assets.whoop_api.scopes import SCOPES

RECORDS, STREAMS = tuple(streams.STREAMS), tuple(streams.ALL_STREAMS)


@dataclass
class SimulatedWhoop:
    """A folder, a running simulator, and the settings that connect to it."""

    folder: Path
    base_url: str
    settings: Settings
    members: list[int]
    today: date

    def database(self, name: str, *members: int) -> tuple[Database, WhoopSession]:
        """Creates a SQLite database with these members connected; without members, all are connected."""
        return self.connected(self.with_database(name), *members)

    def connected(self, settings: Settings, *members: int) -> tuple[Database, WhoopSession]:
        """Opens the database of the settings and connects these members; without members, all of them."""
        database = open_database(settings, create=True)
        connection = WhoopSession(settings, database)
        for user_id in members or self.members:
            _consent(connection, user_id)
        return database, connection

    def with_database(self, name: str) -> Settings:
        return self.settings.replace(database_url=f"sqlite:///{self.folder / name}.db")

    def environment(self, name: str) -> dict[str, str]:
        """The same settings as environment variables."""
        settings = self.with_database(name)
        return {
            "WHOOP_CLIENT_ID": settings.client_id,
            "WHOOP_CLIENT_SECRET": settings.client_secret.get_secret_value(),
            "WHOOP_API_URL": settings.api_url,
            "WHOOP_OAUTH_URL": settings.oauth_url,
            "WHOOP_DATABASE_URL": settings.database_url,
            "WHOOP_REQUESTS_PER_MINUTE": str(settings.requests_per_minute),
            "WHOOP_REQUESTS_PER_DAY": str(settings.requests_per_day),
        }

    def requests(self) -> int:
        """Number of requests that the simulator received."""
        return int(self.stats()["requests"])

    def stats(self) -> dict[str, Any]:
        """Statistics of the simulator."""
        stats: dict[str, Any] = httpx.get(f"{self.base_url}/_control/stats", timeout=60).json()
        return stats


@contextmanager
def simulator_process(
    *, members: int, days: int, seed: int, limits: bool = False
) -> Iterator[SimulatedWhoop]:
    """Runs a simulator; with `limits` it enforces 100 requests a minute and 10,000 a day."""
    command = [sys.executable, "-m", "whoop_simulator", "serve", "--port", "0"]
    command += [] if limits else ["--no-limits"]
    command += ["--members", str(members), "--days", str(days), "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().split()[-1]
            listed = httpx.get(f"{base_url}/_control/members", timeout=120).json()
            settings = Settings(
                client_id="whoop-simulator",
                client_secret="simulator-secret",
                api_url=f"{base_url}/developer",
                oauth_url=f"{base_url}/oauth/oauth2",
                requests_per_minute=100 if limits else 100_000_000,
                requests_per_day=10_000 if limits else 1_000_000_000,
            )
            user_ids = [member["user_id"] for member in listed]
            yield SimulatedWhoop(Path(folder), base_url, settings, user_ids, datetime.now(UTC).date())
        finally:
            process.terminate()
            process.wait()


def last_days(stage: SimulatedWhoop, days: int) -> tuple[date, date]:
    """The first and the last of the newest `days` days."""
    return stage.today - timedelta(days=days - 1), stage.today


def table(rows: list[dict[str, object]]) -> str:
    """The rows as lines of JSON."""
    return "\n".join(json.dumps(row) for row in rows)


def _consent(connection: WhoopSession, user_id: int) -> None:
    state = connection.oauth.new_state()
    url = urllib.parse.urlsplit(connection.oauth.authorization_url(SCOPES, state))
    fields = dict(urllib.parse.parse_qsl(url.query)) | {"member": str(user_id), "decision": "allow"}
    page = httpx.post(f"{url.scheme}://{url.netloc}{url.path}", data=fields, timeout=60)
    code = connection.oauth.read_redirect(page.headers["location"], state)
    connect_member(connection, connection.oauth.exchange_code(code))
