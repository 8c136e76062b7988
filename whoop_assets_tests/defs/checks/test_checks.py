"""The check of the inbox, and the descriptions of passed checks."""

import json
import re
import uuid
from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import update

from whoop_assets.defs.checks.runs import events_loaded
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets_tests.support.webhook_inbox import SimulatedInbox


@pytest.fixture
def p(project, database_kind):
    with project(kind=database_kind) as connected:
        yield connected


def check():
    result = events_loaded.body(None, WhoopResource())
    assert isinstance(result, dg.AssetCheckResult)
    return result


def receive_event(p, user_id, trace_id):
    event = {"user_id": user_id, "id": str(uuid.uuid4()), "type": "sleep.updated", "trace_id": trace_id}
    SimulatedInbox(p.home, real=True).store(json.dumps(event).encode())


def set_age_of_events(p, **age):
    with p.home.database.write() as connection:
        moment = p.now() - timedelta(**age)
        connection.execute(update(webhook_events).values(open_since=moment))


def test_the_check_passes_with_an_empty_inbox_and_a_new_event(p):
    assert check().passed
    receive_event(p, p.home.member, "t1")
    result = check()
    assert result.passed
    assert result.metadata["open"].value == 1


def test_an_event_that_is_open_too_long_is_named(p, monkeypatch):
    receive_event(p, p.home.member, "t1")
    set_age_of_events(p, minutes=31)
    result = check()
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert result.description.startswith(f"Member {p.home.member}: ")
    (row,) = result.metadata["events"].records
    assert row.data["event"] == "t1"
    assert result.metadata["oldest_open_seconds"].value >= 31 * 60
    monkeypatch.setenv("WHOOP_OPEN_EVENT_MINUTES", "60")
    assert check().passed


def test_a_parked_event_is_reported_for_a_week(p):
    receive_event(p, 12345, "t2")
    result = check()
    assert not result.passed
    assert "12345" in result.description
    (row,) = result.metadata["events"].records
    assert row.data["cause"] == "The user is not a member here."
    set_age_of_events(p, days=8)
    result = check()
    assert result.passed
    assert result.metadata["parked"].value == 1


def test_a_passed_check_describes_the_checked_data(project):
    with project(days=6) as p:
        result = p.run(p.today - timedelta(days=2), p.today, checked=True)
        passed = [evaluation for evaluation in result.get_asset_check_evaluations() if evaluation.passed]
        assert len(passed) > 8
        for evaluation in passed:
            assert (evaluation.description or "").startswith("Looked at "), evaluation.check_name
        sentences = {evaluation.check_name: evaluation.description for evaluation in passed}
        assert sentences["cycles_follow_each_other"] == (
            "Looked at all stored data: each cycle ends where the member's next one starts: no gap, no"
            " overlap, one open cycle at most."
        )
        assert re.fullmatch(r"Looked at \d+ days: no day is missing between .*", sentences["days_complete"])
        assert sentences["readings_in_time"].startswith("Looked at 1 member: no planned reading is overdue")
