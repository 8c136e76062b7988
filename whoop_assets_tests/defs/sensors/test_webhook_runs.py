"""Webhook events in Dagster: the runs that the sensor requests, and their effect."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine, delete, event, update

from whoop_assets import whoop_definitions
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.summaries import stale_summaries
from whoop_assets.defs.sensors.webhooks import webhook_events
from whoop_assets.members import store as member_store
from whoop_assets.members.tables import members as members_table
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.tables import workouts as workouts_table
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.tables import webhook_events as ledger
from whoop_assets.whoop_api.http import rate_limit_headers
from whoop_assets_tests.defs.dagster_project import asset_names
from whoop_assets_tests.defs.sensors.webhook_loads import (
    is_stored_as_at_whoop,
    make_events_due,
    process_due_events,
    requested_day,
    rescore,
)


def test_without_events_the_sensor_requests_no_run(p, inbox):
    assert p.tick(webhook_events).run_requests == []


@pytest.mark.slow
def test_many_events_cause_one_run_per_day_of_the_affected_assets(p, inbox):
    for member in (0, 1):
        for index in (2, 2, 3):
            rescore(p, "workouts", member, index)
    sleep = rescore(p, "sleeps", 0, 0)
    inbox.receive()
    requests = p.tick(webhook_events).run_requests
    days = {event.day for event in inbox.events()}
    assert {requested_day(request) for request in requests} == days
    assert len(requests) == len(days)
    for request in requests:
        streams = {event.stream for event in inbox.events() if event.day == requested_day(request)}
        touched = {"workouts"} if streams == {"workouts"} else streams | {"sleeps", "recoveries"}
        assert set(asset_names(request)) == touched | {"cycles", "daily_summary", "trends"}
        assert (request.tags["whoop/lane"], request.tags["dagster/max_runtime"]) == ("webhook", "1800")
        assert int(request.tags["dagster/priority"]) > 0
        assert [check.name for check in request.asset_check_keys] == ["loads_complete"]
    for request in requests:
        assert p.execute(request).success
    assert inbox.states() == ["done"] * len(inbox.events())
    assert is_stored_as_at_whoop(p, "sleeps", sleep)
    assert p.tick(webhook_events).run_requests == []
    assert p.tick(stale_summaries).run_requests == []
    inbox.assert_nothing_stale()


def test_the_run_reports_the_number_of_rows_of_its_day_for_all_members(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    (request,) = p.tick(webhook_events).run_requests
    p.execute(request)
    rows = [row for row in p.home.rows("daily_summary").values() if row["day"] == requested_day(request)]
    assert p.metadata("daily_summary", requested_day(request))["dagster/partition_row_count"] == len(rows)
    # One request for the workout, one for the score of its cycle.
    assert p.metadata("workouts", requested_day(request))["requests"] == 2


def test_a_day_with_an_active_run_gets_no_second_run(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    (request,) = p.tick(webhook_events).run_requests
    run = p.add_run(request)
    rescore(p, "workouts", 0, 2)
    rescore(p, "sleeps", 1, 5)
    inbox.receive()
    (other,) = p.tick(webhook_events).run_requests
    assert other.partition_key != request.partition_key
    p.instance.report_run_canceled(run)
    (again,) = (
        repeated
        for repeated in p.tick(webhook_events).run_requests
        if repeated.partition_key == request.partition_key
    )
    assert again.run_key != request.run_key


def test_the_run_key_changes_only_with_a_new_attempt_or_event(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    keys = [p.tick(webhook_events).run_requests[0].run_key for _ in range(2)]
    assert keys[0] == keys[1]
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    keys.append(p.tick(webhook_events).run_requests[0].run_key)
    with p.home.database.write() as connection:
        now = p.now()
        trace_ids = [event.trace_id for event in inbox.events()]
        attempts.begin_attempt(connection, trace_ids, now, "x")
        attempts.postpone(connection, trace_ids, "Wait.", now)
    keys.append(p.tick(webhook_events).run_requests[0].run_key)
    assert len(set(keys)) == 3


def test_a_run_that_failed_before_its_start_counts_as_an_attempt_and_is_requested_again(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    (request,) = p.tick(webhook_events).run_requests
    p.add_run(request, dg.DagsterRunStatus.FAILURE)
    assert p.tick(webhook_events).run_requests == []
    (event,) = inbox.events()
    assert (event.state, event.attempts) == ("open", 1)
    assert event.next_attempt_at > p.now()
    make_events_due(p)
    (again,) = p.tick(webhook_events).run_requests
    assert again.run_key != request.run_key
    assert p.execute(again).success
    assert inbox.states() == ["done"]


def test_an_event_of_tomorrow_is_loaded_by_a_run_of_today(p, inbox):
    workout = rescore(p, "workouts", 0, 2)
    inbox.receive()
    with p.home.database.write() as connection:
        # The member lives east of WHOOP_TIMEZONE, and the record is not stored yet.
        connection.execute(delete(workouts_table).where(workouts_table.c.id == workout))
        tomorrow = p.now() + timedelta(days=1)
        connection.execute(update(ledger).values(received_at=tomorrow))
    (request,) = p.tick(webhook_events).run_requests
    assert requested_day(request) == p.today
    assert p.execute(request).success
    # The run also builds the summary of the record's day, which differs from the run's day.
    assert inbox.states() == ["done"]
    assert is_stored_as_at_whoop(p, "workouts", workout)
    inbox.assert_nothing_stale()


def test_a_run_rebuilds_both_days_of_a_record_that_moved(p, inbox):
    shift = timedelta(days=2)
    summaries, stored = p.home.rows("daily_summary"), p.home.rows("workouts")
    workout, before = next(
        (workout, stored[workout["id"]]["day"])
        for workout in p.home.truth()["workouts"]
        if workout["id"] in stored and (p.home.member, stored[workout["id"]]["day"] - shift) in summaries
    )
    changes = {
        side: (datetime.fromisoformat(workout[side]) - shift).isoformat(timespec="milliseconds")[:-6] + "Z"
        for side in ("start", "end")
    }
    p.home.world.edit(p.home.member, "workouts", workout["id"], changes)
    inbox.receive()
    (request,) = p.tick(webhook_events).run_requests
    assert requested_day(request) == before
    rows = p.home.rows("daily_summary")
    assert p.execute(request).success
    now = p.home.rows("daily_summary")
    for changed in (before, before - shift):
        assert rows[p.home.member, changed]["workout_count"] != now[p.home.member, changed]["workout_count"]
    inbox.assert_nothing_stale()


@pytest.mark.slow
def test_a_server_error_postpones_only_its_own_event(p, inbox, monkeypatch):
    monkeypatch.setattr(attempts, "RETRY_DELAYS", (timedelta(days=1),) * len(attempts.RETRY_DELAYS))
    bad, good = rescore(p, "workouts", 0, 2), rescore(p, "workouts", 1, 2)
    inbox.receive()
    p.home.world.inject_fault(
        kind="status", status=500, count=10_000, path_prefix=f"/developer/v2/activity/workout/{bad}"
    )
    results = process_due_events(p)
    assert all(result.success for result in results)
    by_record = {event.record_id: event for event in inbox.events()}
    assert (by_record[good].state, by_record[bad].state) == ("done", "open")
    assert by_record[bad].attempts == 1
    assert "500" in by_record[bad].last_error
    p.home.world.clear_faults()
    make_events_due(p)
    process_due_events(p)
    assert inbox.states() == ["done", "done"]
    assert is_stored_as_at_whoop(p, "workouts", bad)


@pytest.mark.slow
def test_a_member_who_must_reconnect_postpones_only_their_own_events(p, inbox):
    rescore(p, "workouts", 0, 2), rescore(p, "workouts", 1, 2)
    inbox.receive()
    with p.home.database.write() as connection:
        member_store.set_status(connection, p.home.members[0], member_store.RECONNECTION_NEEDED)
    process_due_events(p)
    states = {event.user_id: event for event in inbox.events()}
    assert states[p.home.members[1]].state == "done"
    assert states[p.home.members[0]].state == "open"
    assert "connected again" in states[p.home.members[0]].last_error


@pytest.mark.slow
def test_an_exhausted_budget_postpones_events_without_counting_an_attempt(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    limited = {
        "X-RateLimit-Limit": "100, 100;window=60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "10800",
    }
    p.catch_up()
    earliest = p.now() + timedelta(hours=3, minutes=-1)
    p.home.connection.budget.observe(429, rate_limit_headers.parse(limited))
    process_due_events(p)
    (event,) = inbox.events()
    assert (event.state, event.attempts) == ("open", 0)
    assert event.next_attempt_at >= earliest


@pytest.mark.slow
def test_a_missing_scope_parks_the_event_with_a_reason(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    with p.home.database.write() as connection:
        connection.execute(update(members_table).values(scopes="offline read:cycles read:profile"))
    process_due_events(p)
    (event,) = inbox.events()
    assert event.state == "parked"
    assert "read:workout" in event.reason


DUE_EVENTS = "ORDER BY webhook_events.next_attempt_at"
"""Part of the query for due events."""


@contextmanager
def event_after_the_first_query(p, inbox):
    """Let an event arrive after a tick's first query for due events, which cannot see it."""
    queries = 0

    def after_query(connection, _cursor, statement, *_):
        nonlocal queries
        if connection.engine is not p.home.database.engine and DUE_EVENTS in statement:
            queries += 1
            if queries == 1:
                rescore(p, "workouts", 0, 2)
                inbox.receive()

    event.listen(Engine, "after_cursor_execute", after_query)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", after_query)
    assert queries >= 1


@pytest.mark.parametrize("own_deployment", [True, False])
def test_ticks_wait_for_events_only_in_this_projects_own_deployment(p, inbox, own_deployment):
    definitions = defs if own_deployment else whoop_definitions()
    (sensor,) = [sensor for sensor in definitions.sensors if sensor.name == "webhook_events"]
    with (
        event_after_the_first_query(p, inbox),
        dg.build_sensor_context(
            instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
        ) as context,
    ):
        tick = sensor.evaluate_tick(context)
    assert len(tick.run_requests) == own_deployment
    assert (tick.skip_message == "No event is due.") != own_deployment


def test_a_waiting_tick_finds_an_event_that_arrives(p, inbox):
    waiting = replace(NAMESPACE, webhook_wait=timedelta(minutes=5))
    with event_after_the_first_query(p, inbox):
        assert len(p.tick(webhook_events, namespace=waiting).run_requests) == 1


def test_days_that_change_during_an_event_run_are_requested_after_its_end(p, inbox):
    rescore(p, "workouts", 0, 2)
    inbox.receive()
    (request,) = p.tick(webhook_events).run_requests
    elsewhere = requested_day(request) - timedelta(days=3)
    with p.home.database.write() as connection:
        STALE_DAYS.mark(connection, p.home.member, [p.today], p.now() - timedelta(minutes=1))
    run = p.add_run(request)
    with p.home.database.write() as connection:
        STALE_DAYS.mark(connection, p.home.member, [elsewhere], p.now() + timedelta(seconds=1))
    start = "dagster/asset_partition_range_start"
    assert [request.tags[start] for request in p.tick(stale_summaries).run_requests] == [p.today.isoformat()]
    p.instance.report_run_failed(run)
    requested = {request.tags[start] for request in p.tick(stale_summaries).run_requests}
    assert elsewhere.isoformat() in requested
