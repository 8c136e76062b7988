"""The checks of all that is stored, as Dagster runs them: when, with what they say, and that they stop
nothing."""

from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import delete, select, update

from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.checks.consistency import MAX_IN_SENTENCE, records_fit_together
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors import due_readings, stale_summaries
from whoop_assets.records import tables
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.v1_migration import store as v1_store
from whoop_assets.v1_migration.store import BY_ENDPOINT, BY_TIME, OldId

OF_THE_WHOLE = {
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
OF_A_RUN = {"loads_complete", "events_loaded", "members_connected", "timezone_covers_members"}


@pytest.fixture
def p(project, database_kind, monkeypatch):
    with project(kind=database_kind, members=2, days=15) as made:
        monkeypatch.setenv("WHOOP_START_DATE", (made.today - timedelta(days=12)).isoformat())
        monkeypatch.setenv("WHOOP_TIMEZONE", "Europe/Berlin")  # the easternmost zone of these members
        yield made


def whole(p, **how):
    return p.run(p.today - timedelta(days=12), p.today, **how)


def check(p):
    return defs.resolve_job_def("check").execute_in_process(instance=p.instance, raise_on_error=False)


def check_alone(p, name):
    """The result of this check, run by itself."""
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(NAMESPACE.key("daily_summary"), name))
    alone = dg.Definitions(
        asset_checks=[records_fit_together.build(NAMESPACE)],
        jobs=[dg.define_asset_job("alone", selection)],
        resources={NAMESPACE.resource_key: WhoopResource()},
    )
    run = alone.resolve_job_def("alone").execute_in_process(instance=p.instance)
    assert set(results(run)) == {name}
    return results(run)[name]


def results(run):
    return {result.check_name: result for result in run.get_asset_check_evaluations()}


def test_a_run_that_a_human_starts_has_every_check_and_in_a_healthy_warehouse_all_pass(p):
    run = whole(p, checked=True)
    assert run.success
    assert {name: result.passed for name, result in results(run).items()} == dict.fromkeys(
        OF_THE_WHOLE | OF_A_RUN, True
    )


@pytest.mark.slow
def test_the_daily_job_has_every_check_and_asks_whoop_for_nothing(p):
    whole(p)
    before = p.home.world.stats()["requests"]
    run = check(p)
    assert run.success
    assert {name for name, result in results(run).items() if result.passed} == OF_THE_WHOLE | OF_A_RUN
    assert p.home.world.stats()["requests"] == before
    assert run.asset_materializations_for_node("records_fit_together") == []
    with dg.build_schedule_context(instance=p.instance, resources={"whoop": WhoopResource()}) as context:
        (check_daily,) = (one for one in defs.schedules if one.name == "check_daily")
        (request,) = check_daily.evaluate_tick(context).run_requests
    assert request.tags["whoop/lane"] == "schedule"


@pytest.mark.slow
def test_what_does_not_fit_is_a_warning_that_names_members_and_days_and_fails_no_run(p):
    whole(p)
    r = tables.recoveries.c
    with p.home.database.write(p.home.members) as connection:
        connection.execute(update(tables.recoveries).values(recovery_score=101))
        connection.execute(delete(tables.cycles).where(tables.cycles.c.day == p.today - timedelta(days=9)))
        rows = connection.execute(
            select(r.user_id, r.day).order_by(r.day.desc(), r.user_id).limit(MAX_IN_SENTENCE)
        )
        newest = [f"member {user_id} on {day}" for user_id, day in rows]
    run = check(p)
    assert run.success
    failed = {name: result for name, result in results(run).items() if not result.passed}
    assert set(failed) >= {
        "values_within_bounds", "records_linked", "cycles_follow_each_other", "counts_match_whoop",
    }  # fmt: skip
    assert {result.severity for result in failed.values()} == {dg.AssetCheckSeverity.WARN}
    bounds = failed["values_within_bounds"]
    count = bounds.metadata["found"].value
    assert bounds.description == (
        f"{count} records have impossible values: {', '.join(dict.fromkeys(newest))}, and"
        f" {count - len(newest)} more."
    )
    assert len(bounds.metadata["named"].records) == 20
    for result in failed.values():
        assert all(
            str(one.data["member"]) in map(str, p.home.members) for one in result.metadata["named"].records
        )


def test_the_integrity_report_of_v1_ids_names_what_a_human_should_look_at(p):
    p.home.load(p.today - timedelta(days=5), p.today, ("cycles", "sleeps"))
    rows = [row for row in p.home.rows("sleeps").values() if row["user_id"] == p.home.member][:3]
    first, second, third = rows
    who, now = p.home.member, p.home.clock.now()
    late = timedelta(hours=1)
    ids = {
        "good": OldId(who, "sleep", 1, None, first["start_time"], first["end_time"]),
        "otherwise": OldId(who, "sleep", 2, None, second["start_time"] + late),
        "workout": OldId(who, "workout", 3),
        "twin": OldId(who, "sleep", 4),
        "elsewhere": OldId(who, "sleep", 5),
        "unmapped": OldId(who, "sleep", 6),
        "open": OldId(who, "recovery", 7),
    }

    def decide(name, way=None, v2_id=None, reason=None):
        with p.home.database.write() as connection:
            v1_store.import_ids(connection, [ids[name]], "an old store", now)
            if name != "open":
                v1_store.decide(connection, ids[name], now, way, v2_id, reason)

    decide("good", BY_ENDPOINT, first["id"])
    result = check_alone(p, "v1_ids_mapped")
    assert (result.passed, result.metadata["mapped"].value) == (True, 1)
    decide("otherwise", BY_ENDPOINT, second["id"])
    decide("workout", BY_ENDPOINT, third["id"])
    decide("twin", BY_TIME, first["id"])
    decide("elsewhere", BY_ENDPOINT, "00000000-0000-4000-8000-000000000001")
    decide("unmapped", reason="WHOOP knows no such id (404)")
    decide("open")
    result = check_alone(p, "v1_ids_mapped")
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
    assert sorted(one.data["what"] for one in result.metadata["named"].records) == [
        "recovery 7: not decided yet: run `whoop-assets migrate-v1` again.",
        "sleep 2: in the old store it starts 3600 s later than the record.",
        "sleep 4: another v1 id has the same record.",
        "sleep 6: WHOOP knows no such id (404)",
        "workout 3: the record is a sleep.",
    ]


@pytest.mark.slow
def test_a_reading_that_nobody_has_done_for_long_is_named(p):
    whole(p)
    then = p.now() - timedelta(hours=60)
    with p.home.database.write() as connection:
        connection.execute(update(tables.coverage).values(read_at=then))
    result = results(check(p))["readings_in_time"]
    assert not result.passed
    assert {one.data["member"] for one in result.metadata["named"].records} == set(p.home.members)
    assert "late: " in result.metadata["named"].records[0].data["what"]


def test_the_runs_that_sensors_ask_for_leave_out_the_checks_that_look_at_everything(p):
    def tick(sensor):
        resources = {"whoop": WhoopResource()}
        with dg.build_sensor_context(p.instance, definitions=defs, resources=resources) as context:
            return sensor.build(NAMESPACE).evaluate_tick(context).run_requests

    asked = tick(due_readings)
    with p.home.database.write() as connection:
        STALE_DAYS.mark(connection, p.home.member, [p.today], p.home.clock.now())
    asked += tick(stale_summaries)
    assert len(asked) >= 3
    names = [{key.name for key in request.asset_check_keys} for request in asked]
    assert all(one and one <= OF_A_RUN for one in names)
    assert set().union(*names) == OF_A_RUN
