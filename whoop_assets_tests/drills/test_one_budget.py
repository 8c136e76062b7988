"""Many processes share one budget, and WHOOP rejects no request.

Share of the rate and waits of the webhook lane depend on the machine; the benchmark reports them.
"""

import pytest

from whoop_assets_tests.support.deployments.budget_load import databases, flat_out
from whoop_assets_tests.support.deployments.simulator_process import simulator_process

pytestmark = pytest.mark.drill


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_never_pause_get_no_429_and_similar_shares(kind: str) -> None:
    with simulator_process(members=1, days=2, seed=1, limits=True) as stage, databases(stage, [kind]) as made:
        outcome = flat_out(stage, made[kind], processes=6, seconds=130, webhooks=True)
    assert outcome.limited == 0
    assert outcome.worst_minute <= 100
    assert min(outcome.served) > 0.5 * max(outcome.served)
