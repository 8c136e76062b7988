"""A year of ten members on PostgreSQL through the daemon of `deploy/`, against the same graph with empty
bodies.

    python -m benchmarks.runs.production_backfill [--days 365] [--members 10] [--seed 7] [--rounds 1]

Each service of the compose file is a process. GraphQL launches the backfill, the daemon plans it, and the
code location executes it in one run. For the empty graph another code location serves
`benchmarks.runs.empty_definitions`; all other services stay the same. The simulator has no limits. Figures:
seconds from the mutation to the end of the backfill, and seconds of the run.
"""

import statistics
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks.options import options
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.support.deployments.compose_processes import Deployment, deployed
from whoop_assets_tests.support.deployments.dagster_ui import ASSETS
from whoop_assets_tests.support.deployments.simulator_process import (
    SimulatedWhoop,
    last_days,
    simulator_process,
)
from whoop_assets_tests.support.servers.postgres import running_server
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

EMPTY = "benchmarks.runs.empty_definitions"
REAL = "whoop_assets.definitions"
WITHIN = 7200.0


@dataclass(frozen=True)
class Took:
    """Seconds from the mutation to the end of the backfill and of its run, and seconds of the run itself.

    The daemon notices the end of the run at its next check of backfills, up to 30 s later.
    """

    whole: float
    data: float
    run: float


def main() -> None:
    chosen = options(__doc__, days=365, members=10, seed=7, rounds=1)
    with (
        running_server(network=True) as server,
        simulator_process(members=chosen.members, days=chosen.days + 15, seed=chosen.seed) as stage,
        tempfile.TemporaryDirectory() as folder,
    ):
        first, last = last_days(stage, chosen.days)
        values = {"WHOOP_START_DATE": str(first - timedelta(days=30))}
        with deployed(server, stage, Path(folder), values=values) as deployment:
            deployment.start_all()
            database, connection = stage.connected(deployment.settings)
            connection.close()
            database.close()
            bare, whole = [], []
            for number in range(chosen.rounds):
                before = stage.requests()
                bare.append(backfilled(deployment, EMPTY, first, last))
                assert stage.requests() == before  # empty bodies send no request
                whole.append(backfilled(deployment, REAL, first, last))
                print(
                    f"round {number + 1}: empty {bare[-1].whole:.1f} s (its run {bare[-1].run:.1f} s), real"
                    f" {whole[-1].whole:.1f} s (its run {whole[-1].run:.1f} s),"
                    f" {stage.requests() - before} requests",
                    flush=True,
                )
            print(
                f"{chosen.days} days of {len(ASSETS)} assets, {chosen.members} members, medians of"
                f" {chosen.rounds}"
                " rounds:"
            )
            for name, took in (("empty bodies", bare), ("real assets", whole)):
                print(
                    f"{name:<13}{statistics.median(one.whole for one in took):.1f} s from the mutation to"
                    f" the end,"
                    f" {statistics.median(one.data for one in took):.1f} s to the end of the run,"
                    f" {statistics.median(one.run for one in took):.1f} s in the run"
                )
            print(
                f"ratio        {_ratio([one.whole for one in whole], [one.whole for one in bare]):.2f} of"
                f" the whole,"
                f" {_ratio([one.run for one in whole], [one.run for one in bare]):.2f} of the runs"
            )
            print(rows(stage, deployment))


def backfilled(deployment: Deployment, module: str, first: date, last: date) -> Took:
    """Seconds of a backfill of these days with the definitions of that module."""
    serve(deployment, module)
    backfill_id = deployment.ui.launch_backfill(first, last)
    ended = deployment.ui.finished(backfill_id, WITHIN)
    assert ended["status"] == "COMPLETED_SUCCESS", deployment.output_of("code")
    (run,) = ended["runs"]
    return Took(
        ended["endTimestamp"] - ended["timestamp"],
        run["endTime"] - ended["timestamp"],
        run["endTime"] - run["startTime"],
    )


def serve(deployment: Deployment, module: str) -> None:
    """Restart the code location with that module, and reload it in web server and daemon."""
    deployment.kill("daemon")
    deployment.kill("code")
    command = deployment.services["code"]["command"]
    command[command.index("--module-name") + 1] = module
    deployment.start("code")
    deployment.await_code()
    deployment.ui.reload()
    wait_until(deployment.ui.loaded, "the definitions", WITHIN, SLOW_POLL_SECONDS)
    deployment.ui.stop_reading()
    deployment.start("daemon")
    deployment.await_ready("code", "daemon")


def rows(stage: SimulatedWhoop, deployment: Deployment) -> str:
    """The number of rows per table of the warehouse."""
    from sqlalchemy import func, select

    from whoop_assets.db.database import Database
    from whoop_assets.schema import metadata

    database = Database(deployment.settings.database_url)
    try:
        with database.read() as connection:
            counts = {
                name: connection.scalar(select(func.count()).select_from(metadata.tables[name]))
                for name in (*STREAMS, "daily_summary", "trends")
            }
    finally:
        database.close()
    return "rows: " + ", ".join(f"{name} {count}" for name, count in counts.items())


def _ratio(real: list[float], empty: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(real, empty, strict=True))


if __name__ == "__main__":
    main()
