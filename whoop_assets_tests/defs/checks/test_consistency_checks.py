"""The checks of all stored data: which runs include them, and what they report."""

from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import delete, select, update

from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.checks.consistency import MAX_IN_SENTENCE, records_fit_together
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.readings import due_readings
from whoop_assets.defs.sensors.summaries import stale_summaries
from whoop_assets.records import tables
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.v1_migration import store as v1_store
from whoop_assets.v1_migration.store import BY_ENDPOINT, BY_TIME, OldId

FULL_CHECKS = {
    "values_within_bounds",
    "nothing_twice",
    "records_linked",
    "stages_add_up",
    "cycles_follow_each_other",
    "days_complete",
    "summaries_follow",
    "quarantine_empty",
    "counts_match_whoop",
    "v1_ids_mapped",
    "readings_in_time",
}
RUN_CHECKS = {"loads_complete", "events_loaded", "members_connected", "timezone_covers_members"}


@pytest.fixture
def p(project, database_kind, monkeypatch):
    with project(kind=database_kind, members=2, days=15) as connected:
        monkeypatch.setenv("WHOOP_START_DATE", (connected.today - timedelta(days=12)).isoformat())
        monkeypatch.setenv("WHOOP_TIMEZONE", "Europe/Berlin")  # The members' easternmost zone.
        yield connected


def run_all_days(p, **options):
    return p.run(p.today - timedelta(days=12), p.today, **options)


def run_check_job(p):
    return defs.resolve_job_def("check").execute_in_process(instance=p.instance, raise_on_error=False)


def run_single_check(p, name):
    """Runs a single check; returns its result."""
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(NAMESPACE.key("daily_summary"), name))
    definitions = dg.Definitions(
        asset_checks=[records_fit_together.build(NAMESPACE)],
        jobs=[dg.define_asset_job("single_check", selection)],
        resources={NAMESPACE.resource_key: WhoopResource()},
    )
    run = definitions.resolve_job_def("single_check").execute_in_process(instance=p.instance)
    assert set(results(run)) == {name}
    return results(run)[name]


def results(run):
    return {result.check_name: result for result in run.get_asset_check_evaluations()}


@pytest.mark.slow
def test_a_run_started_by_a_user_has_all_checks_and_correct_data_passes_them(p):
    run = run_all_days(p, checked=True)
    assert run.success
    assert {name: result.passed for name, result in results(run).items()} == dict.fromkeys(
        FULL_CHECKS | RUN_CHECKS, True
    )


@pytest.mark.slow
def test_the_daily_job_has_all_checks_and_sends_no_request(p):
    run_all_days(p)
    before = p.home.world.stats()["requests"]
    run = run_check_job(p)
    assert run.success
    assert {name for name, result in results(run).items() if result.passed} == FULL_CHECKS | RUN_CHECKS
    assert p.home.world.stats()["requests"] == before
    assert run.asset_materializations_for_node("records_fit_together") == []
    (request,) = p.schedule_tick("check_daily").run_requests
    assert request.tags["whoop/lane"] == "schedule"


@pytest.mark.slow
def test_inconsistent_data_is_a_warning_with_members_and_days_and_fails_no_run(p):
    run_all_days(p)
    columns = tables.recoveries.c
    with p.home.database.write(p.home.members) as connection:
        connection.execute(update(tables.recoveries).values(recovery_score=101))
        connection.execute(delete(tables.cycles).where(tables.cycles.c.day == p.today - timedelta(days=9)))
        rows = connection.execute(
            select(columns.user_id, columns.day)
            .order_by(columns.day.desc(), columns.user_id)
            .limit(MAX_IN_SENTENCE)
        )
        newest = [f"member {user_id} on {day}" for user_id, day in rows]
    run = run_check_job(p)
    assert run.success
    failed = {name: result for name, result in results(run).items() if not result.passed}
    assert set(failed) >= {
        "values_within_bounds", "records_linked", "cycles_follow_each_other", "counts_match_whoop",
    }  # fmt: skip
    assert {result.severity for result in failed.values()} == {dg.AssetCheckSeverity.WARN}
    bounds = failed["values_within_bounds"]
    count = bounds.metadata["found"].value
    assert bounds.description == (
        f"{count} records with impossible values: {', '.join(dict.fromkeys(newest))}, and"
        f" {count - len(newest)} more."
    )
    assert len(bounds.metadata["named"].records) == 20
    for result in failed.values():
        assert all(
            str(record.data["member"]) in map(str, p.home.members)
            for record in result.metadata["named"].records
        )


def test_the_check_of_v1_ids_names_contradictory_duplicate_and_open_ids(p):
    p.home.load(p.today - timedelta(days=5), p.today, ("cycles", "sleeps"))
    rows = [row for row in p.home.rows("sleeps").values() if row["user_id"] == p.home.member][:3]
    first, second, third = rows
    member, now = p.home.member, p.home.clock.now()
    hour = timedelta(hours=1)
    ids = {
        "good": OldId(member, "sleep", 1, first["start_time"], first["end_time"]),
        "other_start": OldId(member, "sleep", 2, second["start_time"] + hour),
        "workout": OldId(member, "workout", 3),
        "duplicate": OldId(member, "sleep", 4),
        "not_stored": OldId(member, "sleep", 5),
        "unmapped": OldId(member, "sleep", 6),
        "open": OldId(member, "recovery", 7),
    }

    def decide(name, way=None, v2_id=None, reason=None):
        with p.home.database.write() as connection:
            v1_store.import_ids(connection, [ids[name]], "an old store", now)
            if name != "open":
                v1_store.decide(connection, v1_store.matches(ids[name]), now, way, v2_id, reason)

    decide("good", BY_ENDPOINT, first["id"])
    result = run_single_check(p, "v1_ids_mapped")
    assert (result.passed, result.metadata["mapped"].value) == (True, 1)
    decide("other_start", BY_ENDPOINT, second["id"])
    decide("workout", BY_ENDPOINT, third["id"])
    decide("duplicate", BY_TIME, first["id"])
    decide("not_stored", BY_ENDPOINT, "00000000-0000-4000-8000-000000000001")
    decide("unmapped", reason="WHOOP knows no such id (404)")
    decide("open")
    result = run_single_check(p, "v1_ids_mapped")
    counts = {name: value.value for name, value in result.metadata.items() if name != "named"}
    assert counts == {
        "found": 5,
        "looked_at": 7,
        "total": 7,
        "sleep": 5,
        "workout": 1,
        "recovery": 1,
        "mapped": 5,
        "mapped_by_v1_id": 0,
        "mapped_by_cycle_id": 0,
        "mapped_by_mapping": 4,
        "mapped_by_start_time": 1,
        "unmapped": 1,
        "open": 1,
        "contradicting": 2,
        "doubles": 1,
        "not_stored": 1,
        "asked": 0,
        "answered_404": 0,
    }
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert sorted(record.data["what"] for record in result.metadata["named"].records) == [
        "recovery 7: not decided yet: run `whoop-assets migrate-v1` again.",
        "sleep 2: in the old store it starts 3600 s later than the record.",
        "sleep 4: another v1 id has the same record.",
        "sleep 6: WHOOP knows no such id (404)",
        "workout 3: the record is a sleep.",
    ]


@pytest.mark.slow
def test_an_overdue_task_is_reported(p):
    run_all_days(p)
    read_at = p.now() - timedelta(hours=60)
    with p.home.database.write() as connection:
        connection.execute(update(tables.coverage).values(read_at=read_at))
    result = results(run_check_job(p))["readings_in_time"]
    assert not result.passed
    assert {record.data["member"] for record in result.metadata["named"].records} == set(p.home.members)
    assert "late: " in result.metadata["named"].records[0].data["what"]


def test_runs_of_sensors_exclude_the_checks_of_all_stored_data(p):
    requests = p.tick(due_readings).run_requests
    with p.home.database.write() as connection:
        STALE_DAYS.mark(connection, p.home.member, [p.today], p.home.clock.now())
    requests += p.tick(stale_summaries).run_requests
    assert len(requests) >= 3
    names = [{key.name for key in request.asset_check_keys} for request in requests]
    assert all(checks and checks <= RUN_CHECKS for checks in names)
    assert set().union(*names) == RUN_CHECKS
