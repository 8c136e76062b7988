"""Migrations with interruptions, an exhausted budget or failed requests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from whoop_assets.sync.session import WhoopSession
from whoop_assets.v1_migration import migrate as v1_migration
from whoop_assets.v1_migration.migrate import MAX_CONSECUTIVE_FAILURES
from whoop_assets.v1_migration.store import OldId
from whoop_assets.v1_migration.tables import v1_ids as log
from whoop_assets.whoop_api.http.fault_time import RESET_AFTER
from whoop_assets_tests.support.home import moment
from whoop_assets_tests.v1_migration.old_store import (
    UNKNOWN,
    has_no_problems,
    integrity_report,
    last_sleep_before_loaded_days,
    log_rows,
    mapping_requests,
    migrate,
    old_ids,
    set_v1_id,
)
from whoop_simulator.http.faults import API, Fault


class Interruption(Exception):
    """Ends a migration at once; no code handles it, as if the process were killed."""


def test_an_interrupted_migration_repeats_no_answered_request(home):
    ids = [*list(old_ids(home).values())[:12], OldId(home.member, "sleep", UNKNOWN)]

    def interrupt(decided):
        raise Interruption

    v1_migration.import_ids(home.database, ids[:7], "an old store")
    interrupted = 0
    while integrity_report(home).open:
        try:
            migrate(home, ids, progress=interrupt)
        except Interruption:
            interrupted += 1
    assert interrupted == len(ids)
    assert integrity_report(home).mapped == 12
    assert len(mapping_requests(home)) == len(ids)
    migrate(home, ids)
    assert len(mapping_requests(home)) == len(ids)


def test_an_id_with_a_404_is_mapped_without_a_request_after_its_record_is_loaded(home):
    old_id = OldId(home.member, "sleep", UNKNOWN, datetime(2025, 6, 3, tzinfo=UTC))
    migrate(home, [old_id])
    assert log_rows(home)["sleep", UNKNOWN]["state"] == "unmapped"
    sleep = last_sleep_before_loaded_days(home)
    day = moment(sleep["start"]).date()
    with home.database.write() as connection:
        connection.execute(update(log).values(start_time=moment(sleep["start"])))
    migrate(home)
    assert log_rows(home)["sleep", UNKNOWN]["state"] == "unmapped"
    home.load(day - timedelta(days=1), day + timedelta(days=1))
    migrate(home)
    row = log_rows(home)["sleep", UNKNOWN]
    assert (row["way"], row["v2_id"], row["status"]) == ("start_time", sleep["id"], 404)
    assert len(mapping_requests(home)) == 1


def test_an_exhausted_budget_leaves_only_the_ids_open_that_need_a_request(home):
    first, second = home.members
    needing_requests, containing_ids = old_ids(home), old_ids(home, user_id=second)
    for key, old_id in containing_ids.items():
        set_v1_id(home, "sleeps", key, old_id.v1_id)
    with home.database.read() as connection:
        sent = len(connection.execute(text("select id from request_grants")).all())
    # The backfill lane may use nine tenths of the daily limit.
    settings = home.connection.settings.replace(requests_per_day=-(-(sent + 5) * 10 // 9))
    with WhoopSession(settings, home.database) as limited:
        failures = migrate(home, [*needing_requests.values(), *containing_ids.values()], connection=limited)
    assert set(failures) == {first}
    found = integrity_report(home)
    assert found.mapped_by_v1_id == len(containing_ids)
    assert 0 < found.mapped_by_mapping < len(needing_requests)
    assert found.open == len(needing_requests) - found.mapped_by_mapping
    assert migrate(home) == {}
    assert has_no_problems(home)
    assert len(mapping_requests(home)) == len(needing_requests)


def test_a_server_error_for_one_id_leaves_only_that_id_open(home):
    ids = list(old_ids(home).values())[:5]
    bad = ids[2].v1_id
    home.world.faults.order(Fault("status", count=None, path_prefix=f"{API}/v1/activity-mapping/{bad}"))
    try:
        failures = migrate(home, ids)
    finally:
        home.world.faults.clear()
    assert set(failures) == {home.member}
    found = integrity_report(home)
    assert (found.open, found.mapped) == (1, 4)
    assert log_rows(home)["sleep", bad]["state"] == "open"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("status", status=400), "answered 400"),
        (Fault("status", status=403), "answered 403"),
        (Fault("answer", body='{"v2_activity_id": "none"}'), "without a UUID"),
        (Fault("not_json"), "JSON"),
    ],
    ids=lambda case: f"{case.kind} {case.status}" if isinstance(case, Fault) else "",
)
def test_ids_with_refused_or_invalid_responses_stay_open_with_the_reason(home, fault, reason):
    ids = sorted(list(old_ids(home).values())[:7], key=lambda old_id: old_id.v1_id)
    bad = [old_id.v1_id for old_id in ids[:4]]
    fault.status = fault.status if fault.kind == "status" else 200
    for number in bad:
        path = f"{API}/v1/activity-mapping/{number}"
        home.world.faults.order(replace(fault, count=None, path_prefix=path))
    try:
        failures = migrate(home, ids)
    finally:
        home.world.faults.clear()
    assert reason in failures[home.member]
    found = log_rows(home)
    assert {number for (_, number), row in found.items() if row["state"] == "open"} == set(bad)
    for number in bad:
        assert reason in found["sleep", number]["reason"]
    assert integrity_report(home).asked == 3
    assert migrate(home) == {}
    assert has_no_problems(home)
    assert {row["reason"] for row in log_rows(home).values()} == {None}


def test_ids_that_always_fail_are_requested_last_and_do_not_block_others(home):
    sleeps = sorted(old_ids(home).values(), key=lambda old_id: old_id.v1_id)[: MAX_CONSECUTIVE_FAILURES + 4]
    bad = [old_id.v1_id for old_id in sleeps[: MAX_CONSECUTIVE_FAILURES + 1]]
    for number in bad:
        path = f"{API}/v1/activity-mapping/{number}"
        # A 500 is retried for twenty seconds, a 403 is not.
        status = 500 if number == bad[0] else 403
        home.world.faults.order(Fault("status", status=status, count=None, path_prefix=path))
    try:
        assert set(migrate(home, sleeps)) == {home.member}
        assert integrity_report(home).mapped == 0
        assert set(migrate(home)) == {home.member}
        assert (integrity_report(home).mapped, integrity_report(home).open) == (3, len(bad))
        sent = len(mapping_requests(home))
        home.advance(timedelta(minutes=5))
        migrate(home)
        repeated = [int(path.rsplit("/", 1)[1]) for path in mapping_requests(home)[sent:]]
        assert set(repeated) < set(bad)  # A run ends after ten failures in a row.
    finally:
        home.world.faults.clear()
    assert "answered 500" in log_rows(home)["sleep", bad[0]]["reason"]
    home.advance(RESET_AFTER + timedelta(seconds=1))
    assert migrate(home) == {}
    assert has_no_problems(home)


def test_a_run_ends_after_many_consecutive_refusals(home):
    ids = list(old_ids(home).values())[: 2 * MAX_CONSECUTIVE_FAILURES - 1]
    home.world.faults.order(
        Fault("status", status=403, count=None, path_prefix=f"{API}/v1/activity-mapping/")
    )
    try:
        for _ in range(2):
            migrate(home, ids)
        assert len(set(mapping_requests(home))) == len(ids)
        assert len(mapping_requests(home)) == 2 * MAX_CONSECUTIVE_FAILURES
    finally:
        home.world.faults.clear()


def test_a_refused_token_refresh_fails_the_member_and_no_id(home):
    home.advance(timedelta(hours=2))
    # A second refresh would succeed, and a request for the second id would follow.
    home.world.inject_fault("status", status=403, path_prefix="/oauth/oauth2/token")
    assert set(migrate(home, list(old_ids(home).values())[:3])) == {home.member}
    assert mapping_requests(home) == []
    assert {row["reason"] for row in log_rows(home).values()} == {None}
