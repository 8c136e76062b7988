"""A year of one member through a backfill of the Dagster UI, with a real `dagster dev`.

    python -m benchmarks.runs.ui_backfill [--days 365] [--seed 7]

Prints seconds, number of runs, and requests against the least possible number of pages. Dagster's daemon
checks backfills every 30 s, a constant in its code: once to create the run, and once to notice its end. The
seconds from the creation of the run to its end exclude both waits.
"""

from benchmarks.options import options
from whoop_assets_tests.support.deployments.dagster_ui import new_ui_home
from whoop_assets_tests.support.deployments.simulator_process import last_days, simulator_process
from whoop_assets_tests.support.deployments.ui_backfill import backfill, connect, serving


def main() -> None:
    chosen = options(__doc__, days=365, seed=7)
    with (
        simulator_process(members=1, days=chosen.days + 15, seed=chosen.seed) as stage,
        serving(stage, new_ui_home(stage.folder / "dagster")) as ui,
    ):
        connect(stage)
        done = backfill(stage, ui, *last_days(stage, chosen.days))
        print(f"{chosen.days} days through the UI: {done.status}, {len(done.runs)} run, {done.seconds:.1f} s")
        print(
            f"{done.waited:.1f} s until the daemon created the run, {done.worked:.1f} s until the run"
            f" ended, then"
            f" {done.seconds - done.waited - done.worked:.1f} s until the daemon saw it"
        )
        print(*done.sent.lines(), sep="\n")
        print(f"ratio {done.sent.ratio:.3f} (at most 1.10)")
        print("materialized (failed):", ui.materialized())


if __name__ == "__main__":
    main()
