"""The simulator lives through weeks in minutes, and the receiver, the daemon and the runs are killed all the while.

What is real: the simulator over HTTP with its webhooks (5% never sent, 5% twice, 10% out of order, five retries over an
hour), its OAuth and its limits; the service of `whoop-assets serve`; the planner, the loads, the summaries, the budget,
the tokens, and the database; kill -9. The receiver, the daemon and three workers are processes, all on one clock
(`thirty_days.shared_time`): time runs while anybody works, and leaps when nobody does.

What is not, in the weeks: Dagster. A tick does what the sensors and the token schedule do, with the planner, the
bursts and the run keys that the sensors use; a run does what the assets do, by the same functions, in a process that is
used for one run after the other. A run that is killed is known to have ended some minutes later, as Dagster's monitoring
would find out. Ticks follow a delivery within seconds; a look at what a run has left comes within three minutes.

With Dagster, in the day that has it: the real sensors are evaluated on a real instance in the process that is killed as the
daemon, and what they ask for are real runs of the real assets and checks, each executed in one of the workers. What the
drill does in the daemon's place is to start no run of a run key that has been, and to report as failed the run of a process
that has died. Dagster's own clock is not the drill's. The daemon itself, its run queue and the launching of run processes are
not part of it; of them the benchmark of the latency tells.

The times: a prelude of four days in which only the receiver is there, so that webhooks have proven themselves and a pile of
them waits; the life with its kills and edits; then no kills, no edits, and every webhook is sent, for the time in which
the planner's tiers come round to what was never announced: the last fortnight once a day, the month once a week, what is
older after a fortnight. Then WHOOP stands still, everything due is done, and all tables are compared.

The kills are spread over the life and go round receiver, daemon and runs; each comes at a random moment of the next work of
its kind, and some of those of receiver and daemon while they idle. A run that dies in the middle of a token exchange costs
the member's grant, as it would at WHOOP: the member is told, and connects again within hours.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from whoop_assets_tests.drills import truth
from whoop_assets_tests.support.simulated_weeks.figures import Plot
from whoop_assets_tests.support.simulated_weeks.life import Life

DAY = timedelta(days=1)

FULL = Plot(
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
"""The clocks of most members change on the 25th. What changes unannounced at an age of a month, just when the month's
re-reading has passed it by, is found by the tier of all older days: a fortnight to a month later, so that is waited for."""

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
def test_after_three_days_of_five_members_and_fifteen_kills_everything_is_as_whoop_has_it(
    database_kind: str, database_url: str, new_database_url: Callable[[str], str], tmp_path: Path
) -> None:
    live_through(SMALL, database_kind, database_url, new_database_url, tmp_path)


@pytest.mark.drill
def test_after_a_day_through_dagster_and_nine_kills_everything_is_as_whoop_has_it(
    database_kind: str, database_url: str, new_database_url: Callable[[str], str], tmp_path: Path
) -> None:
    live_through(WITH_DAGSTER, database_kind, database_url, new_database_url, tmp_path)


@pytest.mark.thirty_days
def test_after_thirty_days_of_twenty_members_and_a_hundred_kills_everything_is_as_whoop_has_it(
    postgres_url: str, new_database_url: Callable[[str], str], tmp_path: Path
) -> None:
    live_through(FULL, "postgresql", postgres_url, new_database_url, tmp_path)


def live_through(
    plot: Plot, kind: str, database_url: str, new_database_url: Callable[[str], str], folder: Path
) -> None:
    """Live, settle, say what it was like, and compare."""
    began = time.monotonic()
    with Life(
        plot, database_url, Fernet.generate_key().decode() if kind == "postgresql" else "", folder
    ) as life:
        life.live(life.end)
        life.settle(lambda: not truth.against_whoop(life))
        differences = truth.against_whoop(life) + truth.against_naive(life.database)
        differences += truth.of_versions(life) + truth.of_ledgers(life)
        announced, looked_for = truth.of_announced_contents(life)
        differences += announced
        # Before the fresh load, whose requests are not the life's.
        said = life.report()
        with truth.freshly_loaded(life, new_database_url(kind)) as fresh:
            differences += truth.against_fresh(life, fresh)
        print(f"\n{said}")
        print(truth.report(life))
        print(
            f"{looked_for} announced contents were looked for, each at the time at which its event was closed"
        )
        print(f"{time.monotonic() - began:.0f} seconds; {len(differences)} differences")
        for one in differences[:20]:
            print("   ", one)
        assert life.figures.problems == []
        assert life.figures.kills == plot.kills
        assert sum(life.figures.requests.values()) > 0
        assert looked_for > 0
        assert differences == []
