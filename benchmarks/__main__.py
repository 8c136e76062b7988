"""Runs the benchmarks, each in its own process.

python -m benchmarks             # all in order
python -m benchmarks --list
python -m benchmarks requests    # one; for its options: python -m benchmarks.loads.requests --help
python -m benchmarks --small     # all with small sizes, to check that they work
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        module: Name of the module in this package.
        measures: Subject of the benchmark.
        small: Options for a run with small sizes.
        options: Options of every run.
    """

    module: str
    measures: str
    small: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.module.rpartition(".")[2]

    @property
    def command(self) -> str:
        return " ".join((self.name, *self.options))


BENCHMARKS = (
    Benchmark(
        "loads.requests", "requests for a year against the least possible number of pages", ("--days", "60")
    ),
    Benchmark(
        "loads.outages",
        "backfills with a quarter of WHOOP's responses broken, and the time to report an unreachable WHOOP",
        ("--days", "10", "--seeds", "1"),
    ),
    Benchmark(
        "loads.load_alone",
        "the load against a loop that reads the same pages",
        ("--days", "60", "--rounds", "2"),
    ),
    Benchmark(
        "runs.dagster_overhead",
        "a year through Dagster against the same graph with empty bodies",
        ("--days", "15", "--rounds", "2"),
    ),
    Benchmark(
        "loads.one_budget",
        "six processes and a webhook's requests on one budget of 100 a minute",
        ("--seconds", "20", "--databases", "sqlite"),
    ),
    Benchmark(
        "service.webhook_latency",
        "from WHOOP's POST to the daily row, through a real daemon",
        ("--events", "3"),
    ),
    Benchmark(
        "service.daily_api",
        "the daily API under load, against reading the same rows by SQL",
        ("--requests", "20", "--rounds", "1", "--days", "60", "--members", "2"),
    ),
    Benchmark("runs.ui_backfill", "a year through the UI's backfill, with a real daemon", ("--days", "15")),
    Benchmark(
        "runs.production_backfill",
        "a year of ten members on PostgreSQL through the daemon, as deploy/ runs it, against empty bodies",
        ("--days", "10", "--members", "2"),
    ),
    Benchmark(
        "loads.five_years",
        "five years of five members: time, memory, sizes",
        ("--years", "0.1", "--members", "2"),
    ),
    Benchmark(
        "loads.five_years",
        "the same loads and summaries alone",
        ("--years", "0.1", "--members", "2"),
        ("--without-dagster",),
    ),
    Benchmark(
        "loads.copy_database",
        "five years of five members copied from SQLite to PostgreSQL and back: time, hashes, memory",
        ("--years", "0.1", "--members", "2"),
    ),
    Benchmark(
        "planning.planner",
        "the planner on a virtual clock: corrections, an outage of webhooks, requests a member and day",
        ("--members", "1", "5", "--days", "1", "--until", "3"),
    ),
    Benchmark(
        "planning.scale",
        "planner and request budget on a virtual clock: members kept fresh, first imports and their shares",
        ("--members", "3", "--years", "0.5", "--days", "1", "--look-every", "10"),
    ),
    Benchmark(
        "planning.week_of_traffic",
        "a week of members in fast motion: requests, staleness, queues, memory of each process",
        ("--members", "3", "--days", "1"),
    ),
    Benchmark(
        "summaries.scale_summaries",
        "summaries and trends of 500 members over five years on PostgreSQL, against a bare SELECT",
        ("--members", "5", "--days", "100"),
    ),
    Benchmark(
        "summaries.planted",
        "planted illnesses, overreach and journeys: detection and false alarms",
        ("--members", "3", "--simulated", "1", "--days", "120"),
    ),
    Benchmark(
        "summaries.journal_false_alarms",
        "journal effects where there are none, against a plain comparison of means",
        ("--members", "2", "--days", "200", "--rotations", "2"),
    ),
    Benchmark(
        "summaries.consistency",
        "the checks of all that is stored, 500 members over five years: time, memory",
        ("--members", "5", "--days", "60"),
    ),
    Benchmark(
        "loads.iceberg",
        "a year of ten members into Iceberg, then changes, against the same Parquet files written bare",
        ("--days", "20", "--members", "2", "--changes", "10", "--deletions", "2"),
    ),
    Benchmark(
        "service.team_page",
        "the team's page of 500 members, and its query",
        ("--members", "20", "--days", "10", "--requests", "3"),
    ),
    Benchmark(
        "service.receiver",
        "webhook deliveries a second, and their answers at 50 a second",
        ("--deliveries", "300", "--seconds", "2", "--days", "30", "--rounds", "2"),
    ),
)


def main() -> None:
    names = sorted({benchmark.name for benchmark in BENCHMARKS})
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"Which: {', '.join(names)}. None: all.")
    parser.add_argument("--list", action="store_true", help="List the benchmarks and run none.")
    parser.add_argument("--small", action="store_true", help="Small sizes.")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    failed = []
    for benchmark in BENCHMARKS:
        if chosen.names and benchmark.name not in chosen.names:
            continue
        if chosen.list:
            print(f"{benchmark.command:<29} {benchmark.measures}")
            continue
        print(f"\n== {benchmark.command}: {benchmark.measures}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{benchmark.module}", *benchmark.options]
        command += benchmark.small if chosen.small else ()
        if subprocess.run(command, cwd=Path(__file__).parents[1]).returncode:
            failed.append(benchmark.command)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
