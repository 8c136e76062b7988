"""From events to rows through Dagster: what the sensor asks for, what its runs do, and what is lost when they
die."""

import itertools
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pkgutil import resolve_name

import dagster as dg
import pytest
from sqlalchemy import delete, update

from whoop_assets import whoop_definitions
from whoop_assets.clock import SystemClock
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors import stale_summaries, webhook_events
from whoop_assets.defs.sensors import webhooks as sensor_module
from whoop_assets.errors import BudgetExhausted
from whoop_assets.members import store as member_store
from whoop_assets.members.tables import members as members_table
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.tables import workouts as workouts_table
from whoop_assets.summaries.dependents import rebuild_trends
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.tables import webhook_events as ledger
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets_tests.defs.conftest import job_of_assets
from whoop_assets_tests.support.webhook_inbox import SimulatedInbox


@pytest.fixture
def p(project, database_kind):
    """A project whose two members' last days are loaded; WHOOP's clock stands still, and nothing happens by
    itself."""
    with project(kind=database_kind, members=2, days=25) as made:
        made.home.world.freeze()
        made.catch_up()
        made.home.load_and_summarise(made.today - timedelta(days=12), made.today)
        rebuild_days(made.home.database, made.home.members, made.today - timedelta(days=30), made.today)
        rebuild_trends(made.home.database, made.home.members, made.today - timedelta(days=40), made.today)
        yield made


@pytest.fixture
def box(p):
    return SimulatedInbox(p.home, real=True)


def tick(p, sensor=webhook_events, namespace=NAMESPACE):
    with dg.build_sensor_context(
        instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
    ) as context:
        return sensor.build(namespace).evaluate_tick(context)


def execute(p, request):
    """Carry out what the sensor asked for, as the daemon would."""
    return job_of_assets().execute_in_process(
        instance=p.instance,
        tags=dict(request.tags) | {"dagster/run_key": request.run_key},
        asset_selection=list(request.asset_selection),
        raise_on_error=False,
    )


def under_way(p, request, status=dg.DagsterRunStatus.STARTED):
    """A run of the request that has come so far and no further."""
    job = job_of_assets()
    return p.instance.create_run_for_job(
        job,
        status=status,
        tags=dict(request.tags) | {"dagster/run_key": request.run_key},
        asset_selection=frozenset(request.asset_selection),
    )


def names(request):
    return {key.path[-1] for key in request.asset_selection}


def day(request):
    return date.fromisoformat(request.partition_key)


def rescore(p, stream, member=0, place=0):
    user_id = p.home.members[member]
    record = p.home.truth(user_id)[stream][place]
    p.home.world.rescore(user_id, stream, record["id"])
    return record["id"]


def due_now(p):
    """As if the delays were over: the runs use `SystemClock`, which no test moves."""
    with p.home.database.write() as connection:
        connection.execute(
            update(ledger).where(ledger.c.state == "open").values(next_attempt_at=ledger.c.received_at)
        )


def process_due_events(p, most=8):
    """Tick and run until nothing is asked for any more; the runs' results."""
    results = []
    for _ in range(most):
        requests = tick(p).run_requests
        if not requests:
            return results
        results += [execute(p, request) for request in requests]
    raise AssertionError("the sensor does not stop asking")


def stored_as_whoop_has_it(p, stream, key):
    row = p.home.rows(stream)[key]
    truth = {record["id"]: record for record in p.home.truth(row["user_id"])[stream]}
    return row["payload"] == truth[key]


def test_without_events_the_sensor_asks_for_nothing(p, box):
    assert tick(p).run_requests == []


@pytest.mark.slow
def test_a_burst_is_one_run_a_day_of_what_it_touches(p, box):
    for member in (0, 1):
        for place in (2, 2, 3):
            rescore(p, "workouts", member, place)
    sleep = rescore(p, "sleeps", 0, 0)
    box.receive()
    requests = tick(p).run_requests
    days = {event.day for event in box.events()}
    assert {day(request) for request in requests} == days
    assert len(requests) == len(days)
    for request in requests:
        streams = {event.stream for event in box.events() if event.day == day(request)}
        touched = {"workouts"} if streams == {"workouts"} else streams | {"sleeps", "recoveries"}
        assert names(request) == touched | {"cycles", "daily_summary", "trends"}
        assert (request.tags["whoop/lane"], request.tags["dagster/max_runtime"]) == ("webhook", "1800")
        assert int(request.tags["dagster/priority"]) > 0
        assert [check.name for check in request.asset_check_keys] == ["loads_complete"]
    for request in requests:
        assert execute(p, request).success
    assert box.states() == ["done"] * len(box.events())
    assert stored_as_whoop_has_it(p, "sleeps", sleep)
    assert tick(p).run_requests == []
    assert tick(p, stale_summaries).run_requests == []
    box.assert_nothing_stale()


def test_the_run_says_how_many_rows_its_day_has_over_all_members(p, box):
    rescore(p, "workouts", 0, 2)
    box.receive()
    (request,) = tick(p).run_requests
    execute(p, request)
    rows = [row for row in p.home.rows("daily_summary").values() if row["day"] == day(request)]
    assert p.metadata("daily_summary", day(request))["dagster/partition_row_count"] == len(rows)
    # The workout, and the score of the cycle it lies in.
    assert p.metadata("workouts", day(request))["requests"] == 2


def test_while_a_run_for_the_day_is_in_flight_no_other_is_asked_for(p, box):
    rescore(p, "workouts", 0, 2)
    box.receive()
    (request,) = tick(p).run_requests
    run = under_way(p, request)
    rescore(p, "workouts", 0, 2)
    rescore(p, "sleeps", 1, 5)
    box.receive()
    (other,) = tick(p).run_requests
    assert other.partition_key != request.partition_key
    p.instance.report_run_canceled(run)
    (again,) = (one for one in tick(p).run_requests if one.partition_key == request.partition_key)
    assert again.run_key != request.run_key


def test_the_same_work_has_the_same_key_and_another_attempt_or_event_another(p, box):
    rescore(p, "workouts", 0, 2)
    box.receive()
    keys = [tick(p).run_requests[0].run_key for _ in range(2)]
    assert keys[0] == keys[1]
    rescore(p, "workouts", 0, 2)
    box.receive()
    keys.append(tick(p).run_requests[0].run_key)
    with p.home.database.write() as connection:
        now = p.now()
        trace_ids = [event.trace_id for event in box.events()]
        attempts.begin_attempt(connection, trace_ids, now, "x")
        attempts.postpone(connection, trace_ids, "Wait.", now)
    keys.append(tick(p).run_requests[0].run_key)
    assert len(set(keys)) == 3


def test_a_run_that_was_never_started_counts_as_an_attempt_and_is_asked_for_again(p, box):
    rescore(p, "workouts", 0, 2)
    box.receive()
    (request,) = tick(p).run_requests
    under_way(p, request, dg.DagsterRunStatus.FAILURE)
    assert tick(p).run_requests == []
    (event,) = box.events()
    assert (event.state, event.attempts) == ("open", 1)
    assert event.next_attempt_at > p.now()
    due_now(p)
    (again,) = tick(p).run_requests
    assert again.run_key != request.run_key
    assert execute(p, again).success
    assert box.states() == ["done"]


def test_an_event_of_tomorrow_is_loaded_under_today(p, box):
    workout = rescore(p, "workouts", 0, 2)
    box.receive()
    with p.home.database.write() as connection:
        # As of a member who lives east of WHOOP_TIMEZONE, and whose record is not known yet.
        connection.execute(delete(workouts_table).where(workouts_table.c.id == workout))
        tomorrow = p.now() + timedelta(days=1)
        connection.execute(update(ledger).values(received_at=tomorrow))
    (request,) = tick(p).run_requests
    assert day(request) == p.today
    assert execute(p, request).success
    # Its record lies on another day than the run's, and is summarised all the same.
    assert box.states() == ["done"]
    assert stored_as_whoop_has_it(p, "workouts", workout)
    box.assert_nothing_stale()


def test_both_days_of_a_record_that_moves_are_rebuilt_by_its_run(p, box):
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
    box.receive()
    (request,) = tick(p).run_requests
    assert day(request) == before
    rows = p.home.rows("daily_summary")
    assert execute(p, request).success
    now = p.home.rows("daily_summary")
    for changed in (before, before - shift):
        assert rows[p.home.member, changed]["workout_count"] != now[p.home.member, changed]["workout_count"]
    box.assert_nothing_stale()


@pytest.mark.slow
def test_a_fault_of_whoops_sets_the_event_back_and_costs_nobody_else(p, box, monkeypatch):
    monkeypatch.setattr(attempts, "RETRY_DELAYS", (timedelta(days=1),) * len(attempts.RETRY_DELAYS))
    bad, good = rescore(p, "workouts", 0, 2), rescore(p, "workouts", 1, 2)
    box.receive()
    p.home.world.inject_fault(
        kind="status", status=500, count=10_000, path_prefix=f"/developer/v2/activity/workout/{bad}"
    )
    results = process_due_events(p)
    assert all(result.success for result in results)
    by_record = {event.record_id: event for event in box.events()}
    assert (by_record[good].state, by_record[bad].state) == ("done", "open")
    assert by_record[bad].attempts == 1
    assert "500" in by_record[bad].last_error
    p.home.world.clear_faults()
    due_now(p)
    process_due_events(p)
    assert box.states() == ["done", "done"]
    assert stored_as_whoop_has_it(p, "workouts", bad)


@pytest.mark.slow
def test_a_dead_grant_sets_back_that_members_events_alone(p, box):
    rescore(p, "workouts", 0, 2), rescore(p, "workouts", 1, 2)
    box.receive()
    with p.home.database.write() as connection:
        member_store.set_status(connection, p.home.members[0], member_store.RECONNECTION_NEEDED)
    process_due_events(p)
    states = {event.user_id: event for event in box.events()}
    assert states[p.home.members[1]].state == "done"
    assert states[p.home.members[0]].state == "open"
    assert "connected again" in states[p.home.members[0]].last_error


@pytest.mark.slow
def test_a_spent_budget_postpones_without_counting(p, box, monkeypatch):
    later = p.now() + timedelta(hours=3)

    def spent(*_, **__):
        raise BudgetExhausted("Nothing is left before tomorrow.", retry_at=later)

    rescore(p, "workouts", 0, 2)
    box.receive()
    with monkeypatch.context() as patch:
        patch.setattr(WhoopClient, "page", spent)
        process_due_events(p)
    (event,) = box.events()
    assert (event.state, event.attempts, event.next_attempt_at) == ("open", 0, later)


@pytest.mark.slow
def test_a_missing_scope_parks_the_event_with_the_way_out(p, box):
    rescore(p, "workouts", 0, 2)
    box.receive()
    with p.home.database.write() as connection:
        connection.execute(update(members_table).values(scopes="offline read:cycles read:profile"))
    process_due_events(p)
    (event,) = box.events()
    assert event.state == "parked"
    assert "read:workout" in event.reason


def test_a_tick_waits_for_events_in_this_projects_own_deployment_and_not_in_another(p, monkeypatch):
    class Waited(Exception):
        """The tick waits."""

    def sleep(_self, seconds):
        raise Waited

    monkeypatch.setattr(SystemClock, "sleep", sleep)

    def evaluate(definitions):
        (sensor,) = [sensor for sensor in definitions.sensors if sensor.name == "webhook_events"]
        with dg.build_sensor_context(
            instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
        ) as context:
            return sensor.evaluate_tick(context)

    assert evaluate(whoop_definitions()).skip_message == "No event is due."
    with pytest.raises(Waited):
        evaluate(defs)


def test_a_tick_that_may_wait_finds_an_event_that_arrives_meanwhile(p, box, monkeypatch):
    real, looks = sensor_module._due, []

    def due(*args):
        looks.append(args)
        if len(looks) == 3:
            rescore(p, "workouts", 0, 2)
            box.receive()
        return real(*args)

    monkeypatch.setattr(sensor_module, "_due", due)
    monkeypatch.setattr(sensor_module, "POLL_INTERVAL", timedelta(milliseconds=1))
    waiting = replace(NAMESPACE, webhook_wait=timedelta(minutes=5))
    assert len(tick(p, namespace=waiting).run_requests) == 1
    assert len(looks) == 3


def test_what_changes_during_a_run_for_events_is_left_to_it_until_it_has_ended(p, box):
    rescore(p, "workouts", 0, 2)
    box.receive()
    (request,) = tick(p).run_requests
    elsewhere = day(request) - timedelta(days=3)
    with p.home.database.write() as connection:
        STALE_DAYS.mark(connection, p.home.member, [p.today], p.now() - timedelta(minutes=1))
    run = under_way(p, request)
    with p.home.database.write() as connection:
        STALE_DAYS.mark(connection, p.home.member, [elsewhere], p.now() + timedelta(seconds=1))
    start = "dagster/asset_partition_range_start"
    assert [one.tags[start] for one in tick(p, stale_summaries).run_requests] == [p.today.isoformat()]
    p.instance.report_run_failed(run)
    asked = {one.tags[start] for one in tick(p, stale_summaries).run_requests}
    assert elsewhere.isoformat() in asked


class Killed(BaseException):
    """What no code of ours catches."""


POINTS = [
    ("before", "whoop_assets.webhooks.claims.claim", 1),
    ("after", "whoop_assets.webhooks.claims.claim", 2),
    ("after", "whoop_assets.whoop_api.client.WhoopClient.page", 1),
    ("after", "whoop_assets.whoop_api.client.WhoopClient.record", 2),
    ("after", "whoop_assets.records.upsert.store", 1),
    ("after", "whoop_assets.records.upsert.store", 3),
    ("before", "whoop_assets.webhooks.attempts.close", 2),
    ("after", "whoop_assets.webhooks.attempts.close", 1),
    ("before", "whoop_assets.sync.events.load_events.rebuild_days", 1),
    ("after", "whoop_assets.records.stale_days.Ledger.clear", 1),
    ("before", "whoop_assets.sync.events.load_events.rebuild_stale_trends", 1),
    ("after", "whoop_assets.summaries.trends_store.replace_trends", 1),
]


def dies_at(patch, when, point, times):
    """From now on the so-manieth call of it is the last thing that happens; what is counted down to 0
    then."""
    owner, name = point.rsplit(".", 1)
    left = [times]
    real = resolve_name(f"{owner}.{name}")

    def call(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0 and when == "before":
            raise Killed
        answer = real(*args, **kwargs)
        if left[0] == 0:
            raise Killed
        return answer

    patch.setattr(resolve_name(owner), name, call)
    return left


# The points lie in what is the same for both kinds of database; a process that is killed at its statements,
# below, is
# killed on both.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("database_kind", "when", "point", "times"),
    [(kind, *point) for kind, point in zip(itertools.cycle(["postgresql", "sqlite"]), POINTS, strict=False)],
)
def test_killed_at_any_point_nothing_is_lost_and_nothing_twice(p, box, monkeypatch, when, point, times):
    night = rescore(p, "sleeps", 0, 3)
    rescore(p, "workouts", 0, 2)
    gone = p.home.truth()["workouts"][5]["id"]
    p.home.world.delete(p.home.member, "workouts", gone)
    box.receive()
    with monkeypatch.context() as patch:
        left = dies_at(patch, when, point, times)
        for request in tick(p).run_requests:
            try:
                execute(p, request)
            except Killed:
                (run,) = p.instance.get_runs(limit=1)
                p.instance.report_run_failed(run)
    assert left[0] <= 0
    tick(p)
    due_now(p)
    process_due_events(p)
    for request in tick(p, stale_summaries).run_requests:
        first, last = (request.tags[f"dagster/asset_partition_range_{side}"] for side in ("start", "end"))
        assert p.run(date.fromisoformat(first), date.fromisoformat(last), *sorted(names(request))).success
    assert set(box.states()) == {"done"}
    box.assert_nothing_stale()
    assert stored_as_whoop_has_it(p, "sleeps", night)
    assert gone not in p.home.rows("workouts")
    versions = [row for row in p.home.rows("record_versions").values() if row["record_key"] == night]
    assert len({row["content_hash"] for row in versions if row["stream"] == "sleeps"}) == 2
    assert len(versions) == 4  # the sleep and its recovery, before and after
    kept = p.home.contents()["daily_summary"]
    rebuild_days(p.home.database, p.home.members, p.today - timedelta(days=12), p.today)
    assert kept == p.home.contents()["daily_summary"]


KILLED_AT = """
import os, signal, sys
from whoop_assets.sync.session import Connection
from whoop_assets.sync.events.load_events import process_due_events
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
process_due_events(Connection(settings, database), by="killed")
"""


@pytest.mark.slow
def test_a_process_killed_before_any_statement_leaves_everything_to_the_next(p, box):
    night, gone = rescore(p, "sleeps", 0, 3), p.home.truth()["workouts"][5]["id"]
    p.home.world.delete(p.home.member, "workouts", gone)
    box.receive()
    for number in range(1, 2000, 19):
        command = [sys.executable, "-c", KILLED_AT, str(number)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode != -signal.SIGKILL:
            assert ended.returncode == 0, ended.stderr
            break
        with p.home.database.write() as connection:
            # As if it were long ago that something was heard of the attempt, and as if it were the first.
            changed = {"next_attempt_at": ledger.c.received_at, "attempts": 0}
            connection.execute(update(ledger).where(ledger.c.state == "open").values(changed))
    assert number > 19
    assert set(box.states()) == {"done"}
    assert stored_as_whoop_has_it(p, "sleeps", night)
    assert gone not in p.home.rows("workouts")
    for request in tick(p, stale_summaries).run_requests:
        first, last = (request.tags[f"dagster/asset_partition_range_{side}"] for side in ("start", "end"))
        assert p.run(date.fromisoformat(first), date.fromisoformat(last), *sorted(names(request))).success
    box.assert_nothing_stale()
    kept = p.home.contents()["daily_summary"]
    rebuild_days(p.home.database, p.home.members, p.today - timedelta(days=12), p.today)
    assert kept == p.home.contents()["daily_summary"]
    versions = [row for row in p.home.rows("record_versions").values() if row["record_key"] == night]
    assert len(versions) == 4
