"""After a thousand loads with faults, kills and changes, half on each database, the data equal WHOOP's.

A single load: `DRILL_SEED=437 python -m pytest -m drill
whoop_assets_tests/drills/test_a_thousand_loads.py`. More loads: `DRILL_LOADS=20000`.
"""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from whoop_assets_tests.support.random_faults.faulty_load import MEMBERS, Outcome, run_faulty_loads

pytestmark = pytest.mark.drill

THIS_FILE = "whoop_assets_tests/drills/test_a_thousand_loads.py"
LOADS = int(os.environ.get("DRILL_LOADS", "1000"))
SINGLE_SEED = os.environ.get("DRILL_SEED")
WORLDS = [int(SINGLE_SEED) // MEMBERS] if SINGLE_SEED else range(LOADS // MEMBERS)
KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def all_outcomes() -> list[Outcome]:
    return []


@pytest.mark.parametrize("world", WORLDS)
def test_after_any_faults_the_stored_data_equal_whoops(
    new_database_url: Callable[..., str],
    world: int,
    all_outcomes: list[Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also checks, directly after the faults, that each covered span is correct."""
    seeds = [int(SINGLE_SEED)] if SINGLE_SEED else range(world * MEMBERS, (world + 1) * MEMBERS)
    outcomes = run_faulty_loads(new_database_url(KINDS[world // 2 % 2]), seeds, monkeypatch)
    all_outcomes += outcomes
    assert not (differing := [outcome for outcome in outcomes if outcome.errors]), report(differing)


def test_the_loads_met_enough_faults(all_outcomes: list[Outcome]) -> None:
    """Enough loads met faults, recovered, failed or were killed, and enough records changed meanwhile."""
    if len(all_outcomes) < 4 * MEMBERS:
        pytest.skip("too few loads")
    counts = tally(all_outcomes)
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    loads = counts["loads"]
    assert counts["hit"] > 0.6 * loads
    assert counts["mended"] > 0.15 * loads
    assert counts["failed"] > 0.1 * loads  # Most loads survive their faults by retries.
    assert counts["changed"] > 0.15 * loads
    assert counts["ended"] > 0.15 * loads


def tally(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(
        {
            "loads": len(outcomes),
            "hit": sum(bool(outcome.hits) for outcome in outcomes),
            "mended": sum(outcome.recovered for outcome in outcomes),
            "failed": sum(bool(outcome.failed) for outcome in outcomes),
            "changed": sum(bool(outcome.changes) for outcome in outcomes),
            "ended": sum(bool(outcome.ended) for outcome in outcomes),
            "faults": sum(len(outcome.hits) for outcome in outcomes),
            "retries": sum(outcome.retries for outcome in outcomes),
        }
    )


def report(differing: list[Outcome]) -> str:
    lines = []
    for outcome in differing:
        lines += [f"seed {outcome.seed}: DRILL_SEED={outcome.seed} python -m pytest -m drill {THIS_FILE}"]
        lines += [
            f"    ordered: {outcome.injected}; ended: {outcome.ended or 'no'}; changes: {outcome.changes}"
        ]
        lines += [f"    {what}" for what in outcome.errors[:8]]
    return "\n".join(lines)
