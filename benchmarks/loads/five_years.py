"""Five years of five members in one backfill: time, peak memory, and the size of warehouse and Dagster
storage.

    python -m benchmarks.loads.five_years [--years 5] [--members 5] [--seed 7] [--without-dagster]

`whoop-assets backfill` is a process on SQLite, with a simulator without limits. `--without-dagster` runs only
the loads and summaries. Progress goes to stderr.
"""

import argparse
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from whoop_assets_tests.support.deployments.dagster_environment import (
    child_environment,
    new_home,
    size_of,
    stage_environment,
)
from whoop_assets_tests.support.deployments.simulator_process import (
    RECORDS,
    SimulatedWhoop,
    last_days,
    simulator_process,
)

MEGABYTE = 1e6
NAME = "years"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--years", type=float, default=5)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--without-dagster", action="store_true")
    chosen = parser.parse_args()
    days = round(chosen.years * 365.25)
    with (
        simulator_process(members=chosen.members, days=days + 15, seed=chosen.seed) as stage,
        stage_environment(stage),
    ):
        database, connection = stage.database(NAME)
        connection.close()
        database.close()
        seconds, peak, home = run(stage, days, with_dagster=not chosen.without_dagster)
        print(
            f"{days} days of {chosen.members} members,"
            f" {'without' if chosen.without_dagster else 'through'} Dagster:"
        )
        print(f"time       {seconds:.1f} s, {seconds / days * 1000:.1f} ms per day")
        print(f"memory     {peak / MEGABYTE:.0f} MB at most")
        warehouse = stage.folder / f"{NAME}.db"
        print(f"warehouse  {size_of(warehouse) / MEGABYTE:.1f} MB: {rows(warehouse)}")
        if not chosen.without_dagster:
            print(f"Dagster    {size_of(home) / MEGABYTE:.1f} MB of storage")
        print(f"requests   {stage.requests()}")


def run(stage: SimulatedWhoop, days: int, *, with_dagster: bool) -> tuple[float, int, Path]:
    """Seconds, peak memory in bytes, and Dagster home of the process."""
    first, last = last_days(stage, days)
    home, report = new_home(stage.folder / "dagster"), stage.folder / "peak"
    if with_dagster:
        work = ["whoop_assets.cli", "backfill", "--from", str(first), "--to", str(last)]
    else:
        work = ["benchmarks.loads.without_dagster", str(first), str(last)]
    checkout = str(Path(__file__).resolve().parents[2])
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "benchmarks.peak", str(report), *work],
        env=child_environment(stage, NAME) | {"DAGSTER_HOME": str(home), "PYTHONPATH": checkout},
        cwd=stage.folder,
        check=True,
    )
    return time.perf_counter() - began, int(report.read_text()), home


def rows(warehouse: Path) -> str:
    """Number of rows of the tables."""
    connection = sqlite3.connect(warehouse)
    try:
        counts = {
            table: connection.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608
            for table in (*RECORDS, "daily_summary", "trends")
        }
    finally:
        connection.close()
    return ", ".join(f"{number} {table.replace('_', ' ')}" for table, number in counts.items())


if __name__ == "__main__":
    main()
