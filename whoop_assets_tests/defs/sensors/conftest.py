"""A project with loaded data and an inbox of webhook events."""

from datetime import timedelta

import pytest

from whoop_assets.summaries.rebuild import rebuild_days, rebuild_trends
from whoop_assets_tests.support.webhook_inbox import SimulatedInbox


@pytest.fixture
def p(project, database_kind):
    """A project of two members with loaded last days; the simulator creates no new records."""
    with project(kind=database_kind, members=2, days=25) as loaded:
        home, today = loaded.home, loaded.today
        home.world.freeze()
        loaded.catch_up()
        home.load_and_summarise(today - timedelta(days=12), today)
        rebuild_days(home.database, home.members, today - timedelta(days=30), today)
        rebuild_trends(home.database, home.members, today - timedelta(days=40), today)
        yield loaded


@pytest.fixture
def inbox(p):
    return SimulatedInbox(p.home, real=True)
