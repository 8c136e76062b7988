"""Killed runs of webhook events: the next runs complete the work."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest
from sqlalchemy import update

from whoop_assets.defs.sensors.webhooks import webhook_events
from whoop_assets.webhooks.tables import webhook_events as ledger
from whoop_assets_tests.defs.sensors.webhook_loads import (
    assert_summaries_equal_a_rebuild,
    build_stale_summaries,
    is_stored_as_at_whoop,
    make_events_due,
    process_due_events,
    rescore,
)
from whoop_assets_tests.support.fixed_time import python_path


class RunKilled(BaseException):
    """Ends a run; the product does not catch it."""


KILL_POINTS = [
    ("before", "whoop_assets.webhooks.attempts.claim", 1),
    ("after", "whoop_assets.webhooks.attempts.claim", 2),
    ("after", "whoop_assets.whoop_api.client.WhoopClient.page", 1),
    ("after", "whoop_assets.whoop_api.client.WhoopClient.record", 2),
    ("after", "whoop_assets.records.upsert.store", 1),
    ("after", "whoop_assets.records.upsert.store", 3),
    ("before", "whoop_assets.webhooks.attempts.close", 2),
    ("after", "whoop_assets.webhooks.attempts.close", 1),
    ("before", "whoop_assets.sync.events.load_events.rebuild_stale_days", 1),
    ("after", "whoop_assets.records.stale_days.Ledger.clear", 1),
    ("before", "whoop_assets.sync.events.load_events.rebuild_stale_trends", 1),
    ("after", "whoop_assets.summaries.store.replace_rows", 1),
]


def kill_at_call(patch, when, point, times):
    """Makes a call of a function raise RunKilled; returns a list with the number of remaining calls."""
    owner, name = point.rsplit(".", 1)
    remaining = [times]
    real = resolve_name(f"{owner}.{name}")

    def call(*args, **kwargs):
        remaining[0] -= 1
        if remaining[0] == 0 and when == "before":
            raise RunKilled
        result = real(*args, **kwargs)
        if remaining[0] == 0:
            raise RunKilled
        return result

    patch.setattr(resolve_name(owner), name, call)
    return remaining


# This code does not depend on the kind of database, so the kinds alternate. The test below kills on both.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("database_kind", "when", "point", "times"),
    [
        (kind, *point)
        for kind, point in zip(itertools.cycle(["postgresql", "sqlite"]), KILL_POINTS, strict=False)
    ],
)
def test_a_run_killed_at_any_point_loses_nothing_and_stores_nothing_twice(
    p, inbox, monkeypatch, when, point, times
):
    night = rescore(p, "sleeps", 0, 3)
    rescore(p, "workouts", 0, 2)
    deleted = p.home.truth()["workouts"][5]["id"]
    p.home.world.delete(p.home.member, "workouts", deleted)
    inbox.receive()
    with monkeypatch.context() as patch:
        remaining = kill_at_call(patch, when, point, times)
        for request in p.tick(webhook_events).run_requests:
            try:
                p.execute(request)
            except RunKilled:
                (run,) = p.instance.get_runs(limit=1)
                p.instance.report_run_failed(run)
    assert remaining[0] <= 0
    p.tick(webhook_events)
    make_events_due(p)
    process_due_events(p)
    build_stale_summaries(p)
    assert set(inbox.states()) == {"done"}
    inbox.assert_nothing_stale()
    assert is_stored_as_at_whoop(p, "sleeps", night)
    assert deleted not in p.home.rows("workouts")
    versions = [row for row in p.home.rows("record_versions").values() if row["record_key"] == night]
    assert len({row["content_hash"] for row in versions if row["stream"] == "sleeps"}) == 2
    assert len(versions) == 4  # The sleep and its recovery, before and after the change.
    assert_summaries_equal_a_rebuild(p)


KILL_AT_STATEMENT = """
import os, signal, sys
from whoop_assets.sync.session import WhoopSession
from whoop_assets_tests.support.due_events import process_due_events
from whoop_assets.settings import Settings
from whoop_assets.schema import open_database
from sqlalchemy import event

settings = Settings.from_environment()
database = open_database(settings)
left = int(sys.argv[1])

def statement(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(database.engine, "before_cursor_execute", statement)
process_due_events(WhoopSession(settings, database), by="killed")
"""


@pytest.mark.slow
def test_processes_killed_before_any_sql_statement_lose_nothing(p, inbox):
    night, deleted = rescore(p, "sleeps", 0, 3), p.home.truth()["workouts"][5]["id"]
    p.home.world.delete(p.home.member, "workouts", deleted)
    inbox.receive()
    environment = {**os.environ, "PYTHONPATH": python_path(Path(__file__).parents[3])}
    for number in range(1, 2000, 19):
        command = [sys.executable, "-c", KILL_AT_STATEMENT, str(number)]
        result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if result.returncode != -signal.SIGKILL:
            assert result.returncode == 0, result.stderr
            break
        with p.home.database.write() as connection:
            # Make the event due again, with all its attempts left.
            changed = {"next_attempt_at": ledger.c.received_at, "attempts": 0}
            connection.execute(update(ledger).where(ledger.c.state == "open").values(changed))
    assert number > 19
    assert set(inbox.states()) == {"done"}
    assert is_stored_as_at_whoop(p, "sleeps", night)
    assert deleted not in p.home.rows("workouts")
    build_stale_summaries(p)
    inbox.assert_nothing_stale()
    assert_summaries_equal_a_rebuild(p)
    versions = [row for row in p.home.rows("record_versions").values() if row["record_key"] == night]
    assert len(versions) == 4
