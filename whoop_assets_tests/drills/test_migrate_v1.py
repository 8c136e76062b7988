"""A v1 store of 2,000 rows, one id in twenty unknown, the command killed twice: the report, and what WHOOP was asked."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from whoop_assets.warehouse import tables
from whoop_assets.warehouse.tables_v1 import v1_ids as log
from whoop_assets_tests.ingest.home import at_home, frozen_world

pytestmark = pytest.mark.drill

ROWS, UNKNOWN_SHARE, BY_RECORD_SHARE = 2_000, 0.05, 0.1
UNKNOWN = 900_000_000
WITHIN = 600


def environment(home):
    settings = home.connection.settings
    return {
        **os.environ,
        "WHOOP_CLIENT_ID": settings.client_id,
        "WHOOP_CLIENT_SECRET": settings.client_secret,
        "WHOOP_API_URL": settings.api_url,
        "WHOOP_OAUTH_URL": settings.oauth_url,
        "WHOOP_DATABASE_URL": settings.database_url,
        "WHOOP_REQUESTS_PER_MINUTE": "1000000",
        "WHOOP_REQUESTS_PER_DAY": "10000000",
    }


def decided(home):
    with home.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(log).where(log.c.state != "open"))


def write_old_store(home, path):
    """Sleeps and workouts of all members with their v1 ids; one in twenty has a number that WHOOP does not know, and half
    of those no start either. One record in ten says its v1 id itself."""
    chance = random.Random(7)
    rows, expected = [], Counter()
    for member in home.members:
        numbers = {uuid: number for number, uuid in home.world.member(member).source.v1_ids.items()}
        for kind, stream in (("sleep", "sleeps"), ("workout", "workouts")):
            table = tables.RECORD_TABLES[stream]
            for key, row in home.rows(stream).items():
                if row["user_id"] == member and key in numbers and len(rows) < ROWS:
                    number, start = numbers[key], row["start_time"].isoformat()
                    draw = chance.random()
                    if len(rows) % 20 == 0:
                        number = UNKNOWN + len(rows)
                        start = start if len(rows) % 40 else ""
                        expected["start_time" if start else "unmapped"] += 1
                    elif draw < BY_RECORD_SHARE:
                        payload = json.dumps(row["payload"] | {"v1_id": number})
                        with home.database.write() as connection:
                            connection.execute(update(table).where(table.c.id == key).values(payload=payload))
                        expected["v1_id"] += 1
                    else:
                        expected["mapping"] += 1
                    rows.append([kind, number, member, start, row["end_time"].isoformat() if start else ""])
    assert len(rows) == ROWS
    with Path(path).open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["kind", "v1_id", "user_id", "start", "end"])
        writer.writerows(rows)
    return expected


def test_two_thousand_rows_killed_twice(sqlite_url, tmp_path, capsys):
    with at_home(sqlite_url, frozen_world(members=4, days=800)) as home:
        home.load(date(2024, 9, 15), date(2025, 8, 30), ("cycles", "sleeps", "workouts"))
        source = tmp_path / "old.csv"
        expected = write_old_store(home, source)
        home.world.reset_stats()
        command = [sys.executable, "-m", "whoop_assets.cli", "migrate-v1", str(source)]
        for share in (0.3, 0.6):
            process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL)
            until = time.monotonic() + WITHIN
            while (decided(home) or 0) < share * ROWS and time.monotonic() < until:
                time.sleep(0.05)
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        at_the_kill = decided(home)
        ended = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=WITHIN)
        with capsys.disabled():
            print(
                f"\n{at_the_kill} of {ROWS} decided when killed the second time\n{ended.stdout}{ended.stderr}"
            )
        assert ended.returncode == 1
        with home.database.read() as connection:
            ways = Counter(
                way or "unmapped"
                for way in connection.scalars(select(log.c.way).where(log.c.state != "open"))
            )
            truth = {
                number: uuid
                for who in home.members
                for number, uuid in home.world.member(who).source.v1_ids.items()
            }
            wrong = [
                row
                for row in connection.execute(select(log.c.v1_id, log.c.v2_id).where(log.c.v1_id < UNKNOWN))
                if truth[row.v1_id] != row.v2_id
            ]
        assert ways == expected
        assert wrong == []
        asked = [entry.path for entry in home.world.request_log if "/activity-mapping/" in entry.path]
        # A request whose answer the kill took is sent again: one a kill at most.
        assert len(asked) - len(set(asked)) <= 2
        assert set(Counter(asked).values()) <= {1, 2}
