"""Copy of a database from SQLite to PostgreSQL and back: time, rows, hashes, peak memory.

    python -m benchmarks.loads.copy_database [--years 5] [--members 5] [--seed 7]

The database is that of `five_years --without-dagster`. Each copy is a `whoop-assets db copy` process, on a
PostgreSQL that syncs to disk; `cp` of the file shows the time of the disk. Progress goes to stderr.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.loads.five_years import MEGABYTE, NAME, run
from benchmarks.options import options
from whoop_assets_tests.support.deployments.dagster_environment import (
    child_environment,
    size_of,
    stage_environment,
)
from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop, simulator_process
from whoop_assets_tests.support.servers import postgres

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def main() -> None:
    chosen = options(__doc__, years=5.0, members=5, seed=7)
    days = round(chosen.years * 365.25)
    postgres.OPTIONS.update(DURABLE)
    with (
        simulator_process(members=chosen.members, days=days + 15, seed=chosen.seed) as stage,
        stage_environment(stage),
        postgres.running_server() as server,
    ):
        database, connection = stage.database(NAME)
        connection.close()
        database.close()
        seconds, _, _ = run(stage, days, with_dagster=False)
        file = stage.folder / f"{NAME}.db"
        print(
            f"{days} days of {chosen.members} members loaded and summed up in {seconds:.1f} s",
            file=sys.stderr,
        )
        print(f"{days} days of {chosen.members} members, {size_of(file) / MEGABYTE:.1f} MB of SQLite")
        began = time.perf_counter()
        shutil.copy(file, stage.folder / "plain.db")
        os.sync()
        print(f"cp                    {time.perf_counter() - began:.2f} s")
        there = server.create("copy")
        back = f"sqlite:///{stage.folder / 'back.db'}"
        here = f"sqlite:///{file}"
        show("SQLite to PostgreSQL", stage, "copy", here, "--to", there)
        show("PostgreSQL to SQLite", stage, "copy", there, "--to", back)
        show("compare (SQLite, PG)", stage, "compare", here, "--with", there)
        show("compare (SQLite, it)", stage, "compare", here, "--with", back)
        for path in (file, stage.folder / "back.db"):
            sqlite3.connect(path).execute("pragma integrity_check").fetchone()


def show(name: str, stage: SimulatedWhoop, verb: str, database: str, option: str, other: str) -> None:
    """Run `whoop-assets db VERB`, and print seconds, peak memory and the last line of output."""
    report = stage.folder / "peak"
    checkout = str(Path(__file__).resolve().parents[2])
    # PostgreSQL has no key file, so the command needs the key file of the SQLite database.
    key = (stage.folder / f"{NAME}.token-key").read_text().strip()
    environment = child_environment(stage, NAME) | {"WHOOP_DATABASE_URL": database, "PYTHONPATH": checkout}
    command = [sys.executable, "-m", "benchmarks.peak", str(report), "whoop_assets.cli", "db", verb]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, option, other],
        env=environment | {"WHOOP_TOKEN_KEY": key},
        cwd=stage.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    said = next(line for line in done.stdout.splitlines() if "equal in every table" in line)
    print(f"{name:<21} {seconds:.1f} s, {int(report.read_text()) / MEGABYTE:.0f} MB at most: {said}")
    print(done.stdout, file=sys.stderr)


if __name__ == "__main__":
    main()
