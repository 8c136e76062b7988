"""Migration of a v1 store with 2,000 rows, 5% of them with unknown ids.

The command is killed twice; report and requests are checked.
"""

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

from whoop_assets.records import tables
from whoop_assets.v1_migration.tables import v1_ids as log
from whoop_assets_tests.support.home import at_home, frozen_world

pytestmark = pytest.mark.slow

ROWS, UNKNOWN_SHARE, BY_RECORD_SHARE = 2_000, 0.05, 0.1
UNKNOWN = 10**15
MAX_WAIT_SECONDS = 600
KILL_SHARES = 0.5, 0.8
"""Shares of the ids after which the command is killed, each between requests.

At three quarters the second member's first request would exchange a token: a kill there may cost the grant,
which is WHOOP's rule and the subject of `test_tokens_under_fire`.
"""


def environment(home):
    settings = home.connection.settings
    return {
        **os.environ,
        "WHOOP_CLIENT_ID": settings.client_id,
        "WHOOP_CLIENT_SECRET": settings.client_secret.get_secret_value(),
        "WHOOP_API_URL": settings.api_url,
        "WHOOP_OAUTH_URL": settings.oauth_url,
        "WHOOP_DATABASE_URL": settings.database_url,
        "WHOOP_TOKEN_KEY": settings.token_key.get_secret_value(),
        "WHOOP_REQUESTS_PER_MINUTE": "1000000",
        "WHOOP_REQUESTS_PER_DAY": "10000000",
    }


def decided(home):
    with home.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(log).where(log.c.state != "open"))


def write_old_store(home, path):
    """The v1 store of all members: sleeps and workouts by number, recoveries by cycle.

    5% of the rows have an id that WHOOP does not know; half of them have no start. 10% of the records contain
    their v1 id.

    Returns:
        The number of ids to find by each method, and the true key of each known number.
    """
    rng = random.Random(7)
    rows, expected, truth = [], Counter(), {}
    naps = {key for key, row in home.rows("sleeps").items() if row["nap"]}
    for member in home.members:
        numbers = {uuid: number for number, uuid in home.world.member(member).source.v1_ids.items()}
        for kind, stream in (("sleep", "sleeps"), ("workout", "workouts"), ("recovery", "recoveries")):
            for key, row in home.rows(stream).items():
                if row["user_id"] != member or key not in numbers or len(rows) == ROWS:
                    continue
                if kind == "recovery" and key in naps:
                    continue
                number = row["cycle_id"] if kind == "recovery" else numbers[key]
                start, end = row["start_time"].isoformat(), row["end_time"].isoformat()
                draw = rng.random()
                if len(rows) % 20 == 0:
                    number = UNKNOWN + len(rows)
                    if len(rows) % 40 == 0:
                        start = end = ""
                    expected["start_time" if start else "unmapped"] += 1
                elif kind == "recovery":
                    expected["cycle_id"] += 1
                    truth[kind, number] = key
                else:
                    truth[kind, number] = key
                    if draw < BY_RECORD_SHARE:
                        store_payload(
                            home, tables.RECORD_TABLES[stream], key, row["payload"] | {"v1_id": number}
                        )
                    expected["v1_id" if draw < BY_RECORD_SHARE else "mapping"] += 1
                rows.append([kind, number, member, start, end])
    assert len(rows) == ROWS
    with Path(path).open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["kind", "v1_id", "user_id", "start_time", "end_time"])
        writer.writerows(rows)
    return expected, truth


def store_payload(home, table, key, payload):
    with home.database.write() as connection:
        connection.execute(update(table).where(table.c.id == key).values(payload=json.dumps(payload)))


def test_a_migration_of_two_thousand_rows_completes_despite_two_kills(database_url, tmp_path, capsys):
    with at_home(database_url, frozen_world(members=2, days=800)) as home:
        home.load(date(2024, 9, 15), date(2025, 8, 30))
        source = tmp_path / "old.csv"
        expected, truth = write_old_store(home, source)
        home.world.reset_stats()
        command = [sys.executable, "-m", "whoop_assets.cli", "migrate-v1", str(source)]
        decided_at_kills = []
        for share in KILL_SHARES:
            with (tmp_path / "output.txt").open("w") as output:
                process = subprocess.Popen(command, env=environment(home), stdout=output, stderr=output)
            deadline = time.monotonic() + MAX_WAIT_SECONDS
            while (
                (decided(home) or 0) < share * ROWS and process.poll() is None and time.monotonic() < deadline
            ):
                time.sleep(0.2)
            assert process.poll() is None, (tmp_path / "output.txt").read_text()
            process.send_signal(signal.SIGKILL)
            process.wait()
            decided_at_kills.append(decided(home))
        assert decided_at_kills[-1] < ROWS
        ended = subprocess.run(
            command, env=environment(home), capture_output=True, text=True, timeout=MAX_WAIT_SECONDS
        )
        with capsys.disabled():
            print(
                f"\n{' and '.join(map(str, decided_at_kills))} of {ROWS} ids decided when it was killed\n"
                f"{ended.stdout}{ended.stderr}"
            )
        assert ended.returncode == 1
        with home.database.read() as connection:
            rows = connection.execute(
                select(log.c.kind, log.c.v1_id, log.c.way, log.c.v2_id, log.c.state)
            ).all()
        assert Counter(row.way or row.state for row in rows) == expected
        assert {(row.kind, row.v1_id): row.v2_id for row in rows if row.v1_id < UNKNOWN} == truth
        paths = [entry.path for entry in home.world.request_log]
        requests = Counter(path for path in paths if "/activity-mapping/" in path or "/cycle/" in path)
        assert len(requests) == expected["mapping"] + expected["start_time"] + expected["unmapped"]
        # A kill can discard one response; that request is sent again.
        assert sum(requests.values()) - len(requests) <= 2
