"""Simulated weeks in minutes, with kills of the receiver, the daemon and the runs.

Real: the simulator over HTTP with its webhooks (5% never sent, 5% twice, 10% out of order, five retries
within an hour), its OAuth and its rate limits; the service of `whoop-assets serve`; planner, loads,
summaries, budget, tokens and database; SIGKILL. The receiver, the daemon and three workers are processes on
one clock (`simulated_weeks.shared_clock`).

The weeks run without Dagster. A tick does the work of the sensors and the token schedule, with their planner,
bursts and run keys. A run calls the same functions as the assets, in a worker process that executes many
runs. The end of a killed run is noticed some minutes later, as by Dagster's monitoring. Ticks follow a
delivery within seconds and a run within three minutes.

One test runs a day with Dagster: the process that is killed as the daemon evaluates the real sensors on a
real instance, and workers execute real runs of the real assets and checks. Only the daemon's loop is
replaced: a known run key starts no run, and the run of a dead process is reported as failed. Dagster uses the
machine's clock. The daemon itself, its run queue and its run launcher are covered by the benchmark
`webhook_latency`.

Phases: four days with only the receiver, so that webhooks prove themselves and pile up; the weeks with kills
and edits; then days without kills and edits in which every webhook is sent, until the planner's tiers have
found all changes that were never announced (the last 14 days are read daily, the month weekly, older days
every 14 days). Then WHOOP is frozen, all due work is done, and all tables are compared.

Kills are spread over the weeks and alternate between receiver, daemon and runs. Each comes at a random moment
of the next work of its kind; some kills of receiver and daemon hit an idle process. A run that is killed
during a token exchange costs the member's grant, as at WHOOP: the member connects again within hours.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from whoop_assets_tests.drills import comparisons
from whoop_assets_tests.support.simulated_weeks.scenario import Scenario
from whoop_assets_tests.support.simulated_weeks.simulation import Simulation

DAY = timedelta(days=1)

FULL = Scenario(
    members=20,
    history=2 * DAY,
    prelude=4 * DAY,
    life=30 * DAY,
    settling=8 * DAY,
    settled_within=40 * DAY,
    kills=100,
    edits_a_day=24,
    start=datetime(2026, 10, 1, tzinfo=UTC),
)
"""Daylight saving time ends for most members on the 25th.

The tier of older days finds an unannounced change at an age of one month up to a month later, so the settling
time covers that.
"""

SMALL = replace(
    FULL,
    members=5,
    life=3 * DAY,
    settling=2 * DAY,
    settled_within=9 * DAY,
    kills=15,
    edits_a_day=15,
    start=datetime(2026, 10, 23, tzinfo=UTC),
)

WITH_DAGSTER = replace(SMALL, members=3, life=DAY, settling=DAY, kills=9, edits_a_day=12, dagster=True)


@pytest.mark.drill
def test_data_equal_whoops_after_three_days_of_five_members_with_fifteen_kills(
    database_kind: str, database_url: str, new_database_url: Callable[[str], str], tmp_path: Path
) -> None:
    simulate_and_compare(SMALL, database_kind, database_url, new_database_url, tmp_path)


@pytest.mark.drill
def test_data_equal_whoops_after_one_day_with_dagster_and_nine_kills(
    database_kind: str, database_url: str, new_database_url: Callable[[str], str], tmp_path: Path
) -> None:
    simulate_and_compare(WITH_DAGSTER, database_kind, database_url, new_database_url, tmp_path)


@pytest.mark.thirty_days
def test_data_equal_whoops_after_thirty_days_of_twenty_members_with_a_hundred_kills(
    postgres_url: str, new_database_url: Callable[[str], str], tmp_path: Path
) -> None:
    simulate_and_compare(FULL, "postgresql", postgres_url, new_database_url, tmp_path)


def simulate_and_compare(
    scenario: Scenario, kind: str, database_url: str, new_database_url: Callable[[str], str], folder: Path
) -> None:
    """Runs the simulation until all work is done, prints its report, and compares all tables."""
    began = time.monotonic()
    with Simulation(
        scenario, database_url, Fernet.generate_key().decode() if kind == "postgresql" else "", folder
    ) as simulation:
        simulation.run_until(simulation.end)
        simulation.finish(lambda: not comparisons.differences_from_whoop(simulation))
        differences = comparisons.differences_from_whoop(
            simulation
        ) + comparisons.differences_from_naive_rules(simulation.database)
        differences += comparisons.version_problems(simulation) + comparisons.ledger_problems(simulation)
        announced, checked = comparisons.announced_content_problems(simulation)
        differences += announced
        # Report before the fresh load, because its requests are not part of the simulation.
        summary = simulation.report()
        with comparisons.fresh_load(simulation, new_database_url(kind)) as fresh:
            differences += comparisons.differences_from_fresh_load(simulation, fresh)
        print(f"\n{summary}")
        print(comparisons.report(simulation))
        print(f"{checked} announced contents checked, each at the time at which its event was closed")
        print(f"{time.monotonic() - began:.0f} seconds; {len(differences)} differences")
        for difference in differences[:20]:
            print("   ", difference)
        assert simulation.counts.problems == []
        assert simulation.counts.kills == scenario.kills
        assert sum(simulation.counts.requests.values()) > 0
        assert checked > 0
        assert differences == []
