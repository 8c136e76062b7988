"""Requests for a year of one member, against the least possible number of pages.

    python -m benchmarks.loads.requests [--days 365] [--seed 7]

The seed has naps and workouts. The simulator counts requests by path: for the loads alone, and for
`whoop-assets backfill`, each into a new warehouse. A page has 25 records. The least is the number of full
pages for the days' records, plus one request each for profile and body measurement.
"""

import subprocess
import sys
from collections import Counter

import httpx

from benchmarks.loads.without_dagster import load_and_summarise
from benchmarks.options import options
from whoop_assets_tests.support.deployments.dagster_environment import (
    child_environment,
    new_home,
    stage_environment,
)
from whoop_assets_tests.support.deployments.request_counts import RequestCounter, SentRequests, least_pages
from whoop_assets_tests.support.deployments.simulator_process import (
    SimulatedWhoop,
    last_days,
    simulator_process,
)


def main() -> None:
    chosen = options(__doc__, days=365, seed=7)
    with (
        simulator_process(members=1, days=chosen.days + 15, seed=chosen.seed) as stage,
        stage_environment(stage),
    ):
        print(habits(stage))
        for name, work in (("the loads alone", load), ("whoop-assets backfill", backfill)):
            database = name.replace(" ", "-")
            connect(stage, database)
            counter = RequestCounter(stage)
            work(stage, database, chosen.days)
            least = least_pages(stage.with_database(database), stage.members, *last_days(stage, chosen.days))
            sent = SentRequests(counter.requests(), least)
            print(f"{name}, {chosen.days} days:", *sent.lines(), sep="\n")
            print(f"ratio {sent.ratio:.3f} (at most 1.10)", flush=True)


def habits(stage: SimulatedWhoop) -> str:
    """Number of naps and workouts of the first member."""
    truth = httpx.get(f"{stage.base_url}/_control/truth/{stage.members[0]}", timeout=60).json()
    naps = sum(sleep["nap"] for sleep in truth["sleeps"])
    a_day = Counter(workout["start"][:10] for workout in truth["workouts"])
    spread = Counter(a_day.values()) + Counter({0: max(0, len(truth["cycles"]) - len(a_day))})
    days = ", ".join(f"{workouts} on {number} days" for workouts, number in sorted(spread.items()))
    return (
        f"{len(truth['cycles'])} cycles, {len(truth['sleeps'])} sleeps, {naps} of them naps,"
        f" {len(truth['recoveries'])} recoveries, {len(truth['workouts'])} workouts ({days})"
    )


def connect(stage: SimulatedWhoop, name: str) -> None:
    """Create a warehouse and connect the member, which costs a request too."""
    database, connection = stage.database(name)
    connection.close()
    database.close()


def load(stage: SimulatedWhoop, name: str, days: int) -> None:
    """Run the loads for the newest days."""
    load_and_summarise(stage.with_database(name), *last_days(stage, days))


def backfill(stage: SimulatedWhoop, name: str, days: int) -> None:
    """Run `whoop-assets backfill` for the newest days, with its own process and Dagster home."""
    first, last = last_days(stage, days)
    home = new_home(stage.folder / f"{name}.dagster")
    command = [sys.executable, "-m", "whoop_assets.cli", "backfill", "--from", str(first), "--to", str(last)]
    done = subprocess.run(
        command,
        env=child_environment(stage, name) | {"DAGSTER_HOME": str(home)},
        cwd=stage.folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
