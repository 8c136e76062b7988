"""Several processes on one request budget; the simulator enforces WHOOP's limits (100 a minute, 10,000 a
day).

    python -m benchmarks.loads.one_budget [--seconds 180] [--processes 6] [--databases sqlite postgresql]

First all processes send requests in the backfill lane without pause. Figures: number of 429s, share of the
allowed rate, worst minute in the simulator, and requests per process. Then the webhook lane adds five
requests a minute at random times. Figure: seconds from each request's start to its response.
"""

import argparse
import statistics

from whoop_assets_tests.support.deployments.budget_load import databases, flat_out
from whoop_assets_tests.support.deployments.simulator_process import simulator_process


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    for kind in chosen.databases:
        # A simulator for each: two databases would be two budgets of one app.
        for webhooks in (False, True):
            with (
                simulator_process(members=1, days=2, seed=1, limits=True) as stage,
                databases(stage, [kind]) as made,
            ):
                outcome = flat_out(
                    stage, made[kind], processes=chosen.processes, seconds=chosen.seconds, webhooks=webhooks
                )
            said = (
                f"{kind}: {sum(outcome.served)} backfill requests in {outcome.seconds:.0f} s,"
                f" {outcome.rate / 100:.1%} of the allowed rate, {outcome.limited} times 429, worst minute"
                f" {outcome.worst_minute}, per process {min(outcome.served)} to {max(outcome.served)}"
            )
            if outcome.waits:
                said += (
                    f"; {len(outcome.waits)} webhook requests took {statistics.median(outcome.waits):.3f} s"
                    f" (median), {max(outcome.waits):.3f} s (worst)"
                )
            print(said, flush=True)


if __name__ == "__main__":
    main()
