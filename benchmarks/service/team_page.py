"""The team's page of 500 members: seconds from the request to the last byte, and of its query alone.

    python -m benchmarks.service.team_page [--members 500] [--days 60] [--spans 20] [--requests 20]

`whoop-assets serve` is a process on SQLite and on PostgreSQL. Every member has daily rows and trends with a
value in each column, and `--spans` rows of coverage for each stream. The first request also starts the
process that renders pages, and is printed apart.
"""

import argparse
import re
import statistics
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

from benchmarks.service.receiver import service_process
from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import sessions
from whoop_assets.members.tables import members
from whoop_assets.records.tables import coverage
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.summaries.tables import daily_summary, trends
from whoop_assets.web.pages.queries import team
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.support.data.daily_rows import daily_row
from whoop_assets_tests.support.servers import postgres

FIRST_MEMBER = 10_001
ONE_DAY = timedelta(days=1)


def team_data(url: str, chosen: argparse.Namespace) -> tuple[str, float]:
    """Fill the database. Returns the token of a session of the first member, and the seconds of the query."""
    database = open_database(Settings(database_url=url), create=True)
    with database.write() as connection:
        now = database.now(connection)
        days = [now.date() - back * ONE_DAY for back in range(chosen.days)]
        for user_id in range(FIRST_MEMBER, FIRST_MEMBER + chosen.members):
            row = {"user_id": user_id, "status": "connected", "scopes": "offline", "connected_at": now}
            connection.execute(insert(members), row)
            connection.execute(insert(daily_summary), [daily_row(user_id, day) for day in days])
            connection.execute(insert(trends), [trend_row(user_id, day, now) for day in days])
            spans = [
                {
                    "user_id": user_id,
                    "stream": stream,
                    "start_time": now - (2 * place + 2) * ONE_DAY,
                    "end_time": now - (2 * place + 1) * ONE_DAY,
                    "read_at": now - place * ONE_DAY,
                }
                for stream in STREAMS
                for place in range(chosen.spans)
            ]
            connection.execute(insert(coverage), spans)
        token = sessions.begin(connection, FIRST_MEMBER, now)
    seconds = []
    for _ in range(chosen.requests):
        with database.read() as connection:
            began = time.perf_counter()
            assert len(team(connection, now)) == chosen.members
            seconds.append(time.perf_counter() - began)
    database.close()
    return token, statistics.median(seconds)


def trend_row(user_id: int, day: date, now: datetime) -> dict[str, Any]:
    """Return trends with a value in each column."""
    values: dict[type, Any] = {float: 1.5, int: 1, bool: False, str: "", date: day}
    row = {
        column.name: now if isinstance(column.type, UtcDateTime) else values[column.type.python_type]
        for column in trends.columns
    }
    return row | {"user_id": user_id, "day": day}


def measure(name: str, url: str, chosen: argparse.Namespace) -> None:
    """Print the seconds of the page and of its query on one database."""
    token, query = team_data(url, chosen)
    variables = {"WHOOP_OPERATORS": str(FIRST_MEMBER)}
    with (
        service_process(url, variables) as (netloc, _),
        httpx.Client(base_url=f"http://{netloc}", timeout=60, cookies={SESSION_COOKIE: token}) as http,
    ):
        seconds = []
        for _ in range(chosen.requests + 1):
            began = time.perf_counter()
            page = http.get("/team")
            seconds.append(time.perf_counter() - began)
            assert page.status_code == 200
            assert len(re.findall(r'href="/team/\d+"', page.text)) == chosen.members
        first, *others = seconds
        print(
            f"{name:<12} {chosen.members} members: median {statistics.median(others):.2f} s,"
            f" longest {max(others):.2f} s, first {first:.2f} s; query {query:.2f} s;"
            f" {len(page.content) / 1000:.0f} kB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--spans", type=int, default=20, help="rows of coverage for each stream of a member")
    parser.add_argument("--requests", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres.running_server() as server:
        measure("SQLite", f"sqlite:///{Path(folder) / 'team.db'}", chosen)
        measure("PostgreSQL", server.create("team"), chosen)


if __name__ == "__main__":
    main()
