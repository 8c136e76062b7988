"""Dagster runs: one run per range, counts per day, and failures that checks report after the load."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from whoop_assets.records.load_failures import open_failures
from whoop_assets.request_budget.usage import report
from whoop_assets_tests.support.home import RECORDS


def evaluation(result, name):
    """Returns the run's evaluation of a check."""
    (found,) = [check for check in result.get_asset_check_evaluations() if check.check_name == name]
    return found


ASSETS = ("profile", "body_measurement", *RECORDS, "daily_summary")


def test_one_run_materializes_all_assets_for_every_day_of_a_range(project):
    with project() as p:
        first = p.today - timedelta(days=9)
        result = p.run(first, p.today)
        assert result.success
        days = {(first + timedelta(days=n)).isoformat() for n in range(10)}
        for asset in ASSETS:
            assert p.instance.get_materialized_partitions(dg.AssetKey(["whoop", asset])) == days
        assert len(p.instance.get_runs()) == 1


def test_each_partition_has_the_row_count_of_its_day(project):
    with project() as p:
        first = p.today - timedelta(days=9)
        p.run(first, p.today)
        for stream in RECORDS:
            rows = p.home.rows(stream).values()
            for n in range(10):
                day = first + timedelta(days=n)
                count = p.metadata(stream, day)["dagster/partition_row_count"]
                assert count == sum(row["day"] == day for row in rows), (stream, day)


@pytest.mark.slow
def test_only_the_newest_partition_has_the_number_of_requests(project):
    with project() as p:
        first = p.today - timedelta(days=4)
        p.run(first, p.today)
        assert p.metadata("cycles", p.today)["requests"] >= 1
        assert "requests" not in p.metadata("cycles", first)


@pytest.mark.slow
def test_the_metadata_has_the_budget_and_the_budget_has_the_run(project):
    with project() as p:
        before = p.home.world.requests
        run_id = p.run(p.today, p.today).run_id
        used_today = int(p.metadata("workouts", p.today)["budget_day"].split(" of ")[0])
        assert used_today >= p.home.world.requests - before > 0  # On a slow machine some slots expire unused.
        assert "budget_minute" in p.metadata("workouts", p.today)
        with p.home.database.read() as connection:
            found = report(connection, p.home.connection.budget, p.home.database.now(connection))
        used_by_run = {user.used_by: user.day for user in found.users}
        assert used_by_run[f"run {run_id[:8]}"] >= p.home.world.requests - before > 0


@pytest.mark.slow
def test_an_exhausted_daily_budget_fails_the_run_with_the_time_to_resume(project, monkeypatch):
    with project(days=60) as p:
        monkeypatch.setenv("WHOOP_REQUESTS_PER_DAY", "12")
        assert not p.run(p.today - timedelta(days=50), p.today).success
        with p.home.database.read() as connection:
            causes = [failure.cause for failure in open_failures(connection)]
        tomorrow = p.today + timedelta(days=1)
        assert any(f"leaves nothing to the backfill lane before {tomorrow}" in cause for cause in causes)
        assert p.home.rows("cycles")


@pytest.mark.slow
def test_a_range_is_read_in_pages_instead_of_day_by_day(project):
    with project(days=40) as p:
        before = p.home.world.requests
        p.run(p.today - timedelta(days=19), p.today)
        # Two snapshots, and up to three pages of each of the four streams.
        assert p.home.world.requests - before <= 2 + 4 * 3


def test_snapshots_of_a_past_day_send_no_request_and_store_nothing(project):
    with project() as p:
        yesterday = p.today - timedelta(days=1)
        before = p.home.world.requests
        assert p.run(yesterday, yesterday, "profile", "body_measurement").success
        assert p.home.world.requests == before
        assert p.home.rows("body_measurements") == {}
        p.run(p.today, p.today, "profile", "body_measurement")
        assert [day for _, day in p.home.rows("body_measurements")] == [p.today]


def test_members_in_the_run_config_limit_the_run(project):
    with project(members=3) as p:
        chosen = p.home.members[1]
        assert p.run(p.today - timedelta(days=5), p.today, members=[chosen]).success
        assert {row["user_id"] for row in p.home.rows("cycles").values()} == {chosen}
        assert {user_id for user_id, _ in p.home.rows("daily_summary")} == {chosen}


@pytest.mark.slow
def test_a_transient_failure_fails_the_run_after_all_other_data_is_written(project, monkeypatch):
    monkeypatch.setenv("WHOOP_TIMEZONE", "Europe/Berlin")  # The members' easternmost zone.
    with project(members=2) as p:
        p.home.world.inject_fault(
            kind="status", status=500, count=10_000, path_prefix="/developer/v2/activity/workout"
        )
        first = p.today - timedelta(days=5)
        result = p.run(first, p.today)
        assert not result.success
        for asset in ASSETS:
            assert len(p.instance.get_materialized_partitions(dg.AssetKey(["whoop", asset]))) == 6
        check = evaluation(result, "loads_complete")
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.ERROR
        assert all(str(member) in check.description for member in p.home.members)
        assert len(p.home.rows("daily_summary")) >= 8
        logged = [entry.user_message for entry in p.instance.all_logs(result.run_id)]
        for member in p.home.members:
            assert any(line.startswith(f"Member {member}, workouts: GET ") for line in logged)

        p.home.world.clear_faults()
        rerun = p.run(first, p.today)
        assert rerun.success
        assert all(check.passed for check in rerun.get_asset_check_evaluations())


def test_a_revoked_grant_is_a_warning_with_the_member_and_the_command(project):
    with project(members=2) as p:
        revoked, connected = p.home.members
        p.home.world.revoke_tokens(revoked)
        result = p.run(p.today - timedelta(days=5), p.today)
        assert result.success
        check = evaluation(result, "loads_complete")
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert str(revoked) in check.description
        assert str(connected) not in check.description
        assert "whoop-assets connect" in check.description
        assert {user_id for user_id, _ in p.home.rows("daily_summary")} == {connected}


@pytest.mark.slow
def test_a_check_and_the_load_metadata_name_members_who_must_reconnect(project):
    with project(members=2) as p:
        revoked, connected = p.home.members
        p.home.world.revoke_tokens(revoked)
        # Yesterday: the profile sends no request then, so the load of cycles meets the revoked grant.
        yesterday = p.today - timedelta(days=1)
        result = p.run(yesterday, yesterday)
        assert result.success
        check = evaluation(result, "members_connected")
        assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
        assert f"Member {revoked} must reconnect: run `whoop-assets connect`" in check.description
        assert str(connected) not in check.description
        shown = p.metadata("cycles", yesterday)["members_to_reconnect"]
        assert shown == f"{revoked}: run `whoop-assets connect`"

        p.home.connect(revoked)
        rerun = p.run(yesterday, yesterday)
        assert evaluation(rerun, "members_connected").passed
        assert "members_to_reconnect" not in p.metadata("cycles", yesterday)


def test_no_secret_and_no_name_is_stored_by_dagster(project):
    with project(members=2) as p:
        world = p.home.world
        world.revoke_tokens(p.home.members[0])
        world.inject_fault(kind="not_json", count=10_000, path_prefix="/developer/v2/activity/sleep")
        result = p.run(p.today - timedelta(days=3), p.today)
        written = "\n".join(str(entry) for entry in p.instance.all_logs(result.run_id))
        secrets = [world.app.client_secret]
        for user_id in p.home.members:
            profile = world.profile(user_id)
            secrets += [profile["email"], profile["first_name"] + " " + profile["last_name"]]
        for row in p.home.rows("tokens").values():
            secrets += [
                p.home.connection.cipher.decrypt(row["access_token"]),
                p.home.connection.cipher.decrypt(row["refresh_token"]),
            ]
        assert [secret for secret in secrets if secret in written] == []


@pytest.mark.slow
def test_a_rerun_of_a_failed_run_reads_only_the_missing_data(project):
    with project(days=40) as p:
        first = p.today - timedelta(days=29)
        p.home.world.inject_fault(
            kind="status", status=500, count=10_000, path_prefix="/developer/v2/activity/workout"
        )
        failed = p.run(first, p.today)
        assert not failed.success
        p.home.world.clear_faults()
        began = p.instance.get_run_record_by_id(failed.run_id).start_time
        before = p.home.world.requests
        rerun = p.run(
            first, p.today, tags={"whoop/since": datetime.fromtimestamp(began - 60, UTC).isoformat()}
        )
        assert rerun.success
        workouts = sum(first <= row["day"] for row in p.home.rows("workouts").values())
        # Two snapshots, the time since the failed run of the other streams, and the workouts.
        assert p.home.world.requests - before <= 2 + 3 + -(-workouts // 24) + 1


@pytest.mark.slow
def test_a_check_reports_a_record_that_cannot_be_parsed(project):
    with project() as p:
        workout = p.home.truth()["workouts"][2]
        p.home.world.edit(p.home.member, "workouts", workout["id"], {"sport_name": None})
        result = p.run(p.today - timedelta(days=20), p.today)
        assert result.success
        check = evaluation(result, "loads_complete")
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert "1 record that could not be parsed" in check.description
        assert str(p.home.member) in check.description
