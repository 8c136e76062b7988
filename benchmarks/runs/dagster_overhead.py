"""A year of one member through Dagster, against the same asset graph with empty bodies, and the parts of
Dagster's time.

    python -m benchmarks.runs.dagster_overhead [--days 365] [--seed 7] [--rounds 3]

Both sides alternate; each is one in-process run on a new Dagster instance in SQLite. The real side loads into
a new warehouse from a simulator without limits.
"""

import itertools
import statistics
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from benchmarks.options import options
from benchmarks.runs.event_costs import EventCosts, watched
from whoop_assets.cli.backfill.range_run import daily_assets
from whoop_assets_tests.support.deployments.dagster_environment import (
    choose_database,
    new_instance,
    quiet_run_config,
    stage_environment,
)
from whoop_assets_tests.support.deployments.simulator_process import (
    SimulatedWhoop,
    last_days,
    simulator_process,
)

if TYPE_CHECKING:
    import dagster as dg

_numbers = itertools.count(1)


def main() -> None:
    chosen = options(__doc__, days=365, seed=7, rounds=3)
    with (
        simulator_process(members=1, days=chosen.days + 15, seed=chosen.seed) as stage,
        stage_environment(stage),
    ):
        from benchmarks.runs.empty_bodies import with_empty_bodies
        from whoop_assets.definitions import defs

        empty = with_empty_bodies(defs)
        assets = len(daily_assets())
        for warm_up in (empty, defs):
            run(stage, warm_up, min(chosen.days, 5))
        bare, whole = [], []
        for number in range(chosen.rounds):
            bare.append(run(stage, empty, chosen.days)[0])
            whole.append(run(stage, defs, chosen.days)[0])
            print(
                f"round {number + 1}: empty {bare[-1]:.2f} s, real {whole[-1]:.2f} s,"
                f" ratio {whole[-1] / bare[-1]:.2f}",
                flush=True,
            )
        partitions = chosen.days * assets
        ratios = [real / nothing for real, nothing in zip(whole, bare, strict=True)]
        print(
            f"{chosen.days} days of {assets} assets, {partitions} partitions, medians of {chosen.rounds}"
            f" rounds:"
        )
        for name, seconds in (("empty bodies", bare), ("real assets", whole)):
            median = statistics.median(seconds)
            spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
            print(f"{name:<13}{median:.2f} s ({spread}), {median / partitions * 1000:.2f} ms per partition")
        print(
            f"ratio        {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}; at"
            f" most 1.25)"
        )
        for name, definitions in (("empty bodies", empty), ("real assets", defs)):
            print(f"Where the time goes, {name}, in a separate round:")
            _, costs = run(stage, definitions, chosen.days, costs=True)
            assert costs is not None
            print("\n".join(costs.lines(partitions)))


def run(
    stage: SimulatedWhoop, definitions: "dg.Definitions", days: int, *, costs: bool = False
) -> tuple[float, EventCosts | None]:
    """Seconds of one run for the newest days, and optionally the parts of Dagster's time."""
    from whoop_assets.defs.partitions import range_tags

    name = f"round{next(_numbers)}"
    database, connection = stage.database(name)
    connection.close()
    database.close()
    choose_database(stage, name)
    with new_instance(stage.folder / f"{name}.dagster") as instance:
        watching: AbstractContextManager[EventCosts | None] = watched(instance) if costs else nullcontext()
        began = time.perf_counter()
        with watching as found:
            result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                asset_selection=daily_assets(),
                instance=instance,
                run_config=quiet_run_config(),
                tags=range_tags(*last_days(stage, days)),
            )
        seconds = time.perf_counter() - began
    assert result.success
    return seconds, found


if __name__ == "__main__":
    main()
