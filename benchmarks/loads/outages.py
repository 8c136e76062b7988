"""`whoop-assets backfill` with a quarter of WHOOP's responses broken, and without any WHOOP.

    python -m benchmarks.loads.outages [--days 90] [--seeds 20] [--first-seed 0]

For each seed the simulator returns 500 to a twelfth of the requests, resets a twelfth and truncates a
twelfth. Each seed prints exit status, requests and seconds. Finally the API refuses connections, and the last
line gives the seconds until the command reports it.
"""

import subprocess
import sys
import time

import httpx

from benchmarks.loads.requests import connect
from benchmarks.options import options
from whoop_assets_tests.support.deployments.dagster_environment import (
    child_environment,
    new_home,
    stage_environment,
)
from whoop_assets_tests.support.deployments.request_counts import RequestCounter
from whoop_assets_tests.support.deployments.simulator_process import (
    SimulatedWhoop,
    last_days,
    simulator_process,
)

NOWHERE = "http://127.0.0.1:9"


def main() -> None:
    chosen = options(__doc__, days=90, seeds=20, first_seed=0)
    complete = 0
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        with (
            simulator_process(members=1, days=chosen.days + 15, seed=seed) as stage,
            stage_environment(stage),
        ):
            connect(stage, "warehouse")
            for kind in ("status", "reset", "truncate"):
                order = {"kind": kind, "probability": 1 / 12}
                httpx.post(f"{stage.base_url}/_control/faults", json=order, timeout=60).raise_for_status()
            counter = RequestCounter(stage)
            status, seconds, said = backfill(stage, chosen.days)
            complete += status == 0
            sent = sum(counter.requests().values())
            print(f"seed {seed}: exit status {status}, {sent} requests, {seconds:.1f} s", flush=True)
            if status:
                print(said)
    print(f"{complete} of {chosen.seeds} complete", flush=True)
    with simulator_process(members=1, days=chosen.days + 15, seed=0) as stage, stage_environment(stage):
        connect(stage, "warehouse")
        status, seconds, said = backfill(stage, chosen.days, WHOOP_API_URL=NOWHERE)
        print(f"unreachable: exit status {status} after {seconds:.1f} s\n{said}")


def backfill(stage: SimulatedWhoop, days: int, **environment: str) -> tuple[int, float, str]:
    """Exit status, seconds and error output of a backfill of the newest days, with its own process and
    Dagster home.
    """
    first, last = last_days(stage, days)
    home = new_home(stage.folder / "dagster")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "whoop_assets.cli", "backfill", "--from", str(first), "--to", str(last)],
        env=child_environment(stage, "warehouse") | {"DAGSTER_HOME": str(home)} | environment,
        cwd=stage.folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, time.monotonic() - began, done.stderr


if __name__ == "__main__":
    main()
