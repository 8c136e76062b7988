"""`backfill`: rejected arguments, the Dagster run, errors, and resuming an unfinished backfill."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from whoop_assets.cli.backfill.backfill import BackfillIncomplete, require_complete
from whoop_assets.cli.backfill.dagster_home import open_instance
from whoop_assets.cli.backfill.progress import Lines
from whoop_assets.cli.backfill.range_run import BACKFILL_TAG, BackfillRange, BackfillResult
from whoop_assets.cli.backfill.run_watcher import Watcher
from whoop_assets.defs.assets.loading import SINCE_TAG
from whoop_assets.summaries import store
from whoop_assets.sync.members import membership
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.fixed_time import TODAY


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    with open_instance(Path("data/dagster").absolute()) as opened:
        yield opened


def tags_of_runs() -> list[dict[str, str]]:
    """Returns the tags of all runs, newest first."""
    with instance() as opened:
        return [dict(run.tags) for run in opened.get_runs()]


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-02-30", "2026-03-01", "is not a date"),
        ("yesterday", "2026-03-01", "is not a date"),
        ("20260301", "2026-03-01", "write it as YYYY-MM-DD"),
        ("2026-W09-7", "2026-03-01", "write it as YYYY-MM-DD"),
        ("2026-03-02", "2026-03-01", "is after"),
        ("2019-12-31", "2020-01-05", "WHOOP_START_DATE"),
        (TODAY.isoformat(), (TODAY + timedelta(days=2)).isoformat(), "has not come yet"),
    ],
)
def test_invalid_days_are_rejected_before_a_run_starts(
    command_line: CommandLine, first: str, last: str, message: str
) -> None:
    assert message in error_of(command_line.run("backfill", "--from", first, "--to", last), status=2)
    assert not Path("data/dagster").exists()


def test_without_connected_members_no_run_starts(command_line: CommandLine) -> None:
    error = error_of(command_line.run("backfill", "--from", ago(2), "--to", ago(0)))
    assert "whoop-assets connect" in error
    assert not Path("data/dagster").exists()


def test_an_unknown_member_is_named_before_a_run_starts(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    error = error_of(command_line.run("backfill", "--from", ago(2), "--to", ago(0), "--member", "4711"))
    assert "Member 4711 is not known here" in error
    assert not Path("data/dagster").exists()


@pytest.mark.slow
def test_a_backfill_is_one_run_of_all_assets_and_days(command_line: CommandLine) -> None:
    for member in command_line.members:
        command_line.connect(member)
    result = command_line.run("backfill", "--from", ago(3), "--to", ago(0))
    assert result.exit_code == 0, result.output
    assert "4 days: " in result.stdout
    assert " requests, " in result.stdout
    assert "Beta" not in result.output
    assert "DEBUG" not in result.output
    with instance() as opened:
        (run,) = opened.get_runs()
        assert run.is_success
        assert run.tags["whoop/lane"] == "backfill"
        assert run.tags[BACKFILL_TAG] == BackfillRange(TODAY - timedelta(days=3), TODAY).digest
        for asset in ("profile", "cycles", "daily_summary"):
            days = opened.get_materialized_partitions(dg.AssetKey(["whoop", asset]))
            assert days == {ago(day) for day in range(4)}
    database = command_line.database()
    with database.read() as connection:
        rows = store.newest_rows(connection, 100)
    database.close()
    assert {row["user_id"] for row in rows} == set(command_line.members)


@pytest.mark.slow
def test_only_the_given_members_are_read(command_line: CommandLine) -> None:
    first, second = command_line.members
    command_line.connect(first)
    command_line.connect(second)
    assert (
        command_line.run("backfill", "--from", ago(1), "--to", ago(1), "--member", str(second)).exit_code == 0
    )
    database = command_line.database()
    with database.read() as connection:
        assert membership.stored_data(connection, first).cycles == 0
        assert membership.stored_data(connection, second).cycles > 0
    database.close()


@pytest.mark.slow
def test_a_failed_asset_is_reported_with_its_cause_and_not_as_done(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    command_line.world.inject_fault("status", status=403, count=None, path_prefix="/developer/v2/cycle")
    result = command_line.run("backfill", "--from", ago(1), "--to", ago(0))
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert "cycles: 2 days done" not in lines
    (first, *_) = [index for index, line in enumerate(lines) if "403" in line]
    assert lines[first].startswith("cycles: Member ")
    assert lines.index("profile: 2 days done") >= 0
    assert first < min(
        (index for index, line in enumerate(lines) if line.startswith("daily_summary")), default=99
    )


@pytest.mark.slow
def test_a_wrong_client_secret_is_reported_before_any_result_and_no_stream_as_done(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    command_line.world.expire_tokens(member)
    monkeypatch.setenv("WHOOP_CLIENT_SECRET", "wrong")
    result = command_line.run("backfill", "--from", ago(1), "--to", ago(0))
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    causes = [index for index, line in enumerate(lines) if "check WHOOP_CLIENT_ID and" in line]
    done = {line.split(":")[0]: index for index, line in enumerate(lines) if line.endswith(" done")}
    assert done.keys() <= {"daily_summary", "trends"}  # They are built from what is stored.
    assert causes[0] < min(done.values(), default=len(lines))
    assert "0 records new" in result.stdout


@pytest.mark.slow
def test_rereading_unchanged_days_changes_no_summary(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    for _ in range(2):
        assert command_line.run("backfill", "--from", ago(4), "--to", ago(1), "--force").exit_code == 0
    with instance() as opened:
        newest = opened.get_latest_materialization_event(dg.AssetKey(["whoop", "daily_summary"]))
        assert newest is not None
        assert newest.asset_materialization is not None
        assert newest.asset_materialization.metadata["changed"].value == 0


@pytest.mark.slow
def test_a_failed_stream_is_named_and_the_others_are_stored(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    command_line.world.inject_fault("status", status=403, count=None, path_prefix="/v2/activity/workout")
    result = command_line.run("backfill", "--from", ago(6), "--to", ago(4))
    assert f"1 load of member {member} did not complete" in error_of(result)
    assert f"member {member}, workouts: " in result.stderr
    assert "recoveries 3, " in result.stdout
    assert "workouts" not in result.stdout


@pytest.mark.slow
def test_a_backfill_ended_by_the_budget_is_resumed_and_a_finished_one_starts_again(
    command_line: CommandLine,
) -> None:
    for member in command_line.members:
        command_line.connect(member)
    # Enough for the cycles of both members; a tenth is reserved for other lanes.
    enough = command_line.world.stats()["requests"] + 4
    command_line.environment.setenv("WHOOP_REQUESTS_PER_DAY", str(round(enough / 0.9)))
    backfill = ("backfill", "--from", ago(9), "--to", ago(4))
    exhausted = command_line.run(*backfill)
    assert exhausted.exit_code == 1
    assert "before 20" in exhausted.stderr
    assert "UTC" in exhausted.stderr
    assert "run the same command again to resume" in exhausted.stderr.splitlines()[-1]
    read = command_line.world.stats()["requests"]

    command_line.environment.setenv("WHOOP_REQUESTS_PER_DAY", "1000")
    resumed = command_line.run(*backfill)
    assert resumed.exit_code == 0, resumed.output
    first, second = tags_of_runs()
    assert SINCE_TAG in first
    assert SINCE_TAG not in second
    assert "Taking up the unfinished backfill" in resumed.stdout
    resumed_paths = {entry.path for entry in command_line.world.request_log[read:]}
    assert "/v2/cycle" not in resumed_paths
    assert "/v2/activity/workout" in resumed_paths

    assert command_line.run(*backfill).exit_code == 0
    assert SINCE_TAG not in tags_of_runs()[0]


@pytest.mark.slow
def test_force_starts_an_unfinished_backfill_again(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    command_line.environment.setenv("WHOOP_REQUESTS_PER_DAY", "1")
    backfill = ("backfill", "--from", ago(6), "--to", ago(6))
    assert command_line.run(*backfill).exit_code == 1
    assert command_line.run(*backfill, "--force").exit_code == 1
    assert all(SINCE_TAG not in run_tags for run_tags in tags_of_runs())
    command_line.run(*backfill)
    assert SINCE_TAG in tags_of_runs()[0]


@pytest.mark.slow
def test_a_member_who_must_reconnect_makes_the_backfill_incomplete_for_that_member_only(
    command_line: CommandLine,
) -> None:
    for member in command_line.members:
        command_line.connect(member)
    revoked, connected = command_line.members
    command_line.world.revoke_tokens(revoked)
    result = command_line.run("backfill", "--from", ago(2), "--to", ago(1))
    assert result.exit_code == 1
    assert f"member {revoked}, cycles: " in result.stderr
    assert "whoop-assets connect" in result.stderr
    assert f"member {connected}," not in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WHOOP_TOKEN_KEY", "rubbish"),
        ("WHOOP_TOKEN_KEY", "A" * 43 + "="),  # A valid Fernet key, but not the one that encrypted the tokens.
        ("WHOOP_API_URL", "notaurl"),
        ("WHOOP_OAUTH_URL", "notaurl"),
    ],
)
def test_an_invalid_setting_is_named_before_a_run_starts(
    command_line: CommandLine, name: str, value: str
) -> None:
    command_line.connect(command_line.members[0])
    command_line.environment.setenv(name, value)
    assert name in error_of(command_line.run("backfill", "--from", ago(2), "--to", ago(1)))
    assert not Path("data/dagster").exists()


@pytest.mark.slow
def test_a_quarantined_record_is_reported_and_makes_the_backfill_incomplete(
    command_line: CommandLine,
) -> None:
    member, other = command_line.members
    for user_id in command_line.members:
        command_line.connect(user_id)
    workout = next(record for record in command_line.world.truth(member)["workouts"] if record.get("score"))
    command_line.world.edit(member, "workouts", workout["id"], {"sport_name": None})
    all_days = ("backfill", "--from", ago(13), "--to", ago(0))
    result = command_line.run(*all_days)
    assert result.exit_code == 1
    warning = result.stderr.splitlines()[-1]
    assert warning.startswith(
        "warning: 1 record was not understood and is kept in the table quarantine (member"
    )
    assert f"member {member}, workouts: Workout: sport_name must be text" in warning
    listed = json.loads(command_line.run("members", "--json").stdout)
    assert {entry["user_id"]: entry["quarantined"] for entry in listed} == {member: 1, other: 0}
    assert "quarantined" in command_line.run("members").stdout

    # The other member is unaffected.
    assert command_line.run(*all_days, "--member", str(other)).exit_code == 0
    command_line.world.edit(member, "workouts", workout["id"], {"sport_name": "running"})
    corrected = command_line.run(*all_days)
    assert (corrected.exit_code, "warning" in corrected.stderr) == (0, False), corrected.output
    assert "Taking up" not in corrected.stdout


@pytest.mark.slow
def test_a_failed_load_of_a_successful_run_is_resumed_after_reconnecting(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    backfill = ("backfill", "--from", ago(6), "--to", ago(4))
    command_line.world.inject_fault("status", status=403, count=None, path_prefix="/v2/activity/workout")
    assert "run the same command again to resume" in command_line.run(*backfill).stderr
    with instance() as opened:
        assert opened.get_runs()[0].is_success
    command_line.world.clear_faults()
    command_line.connect(member)
    read = len(command_line.world.request_log)
    resumed = command_line.run(*backfill)
    assert resumed.exit_code == 0, resumed.output
    assert "Taking up the unfinished backfill" in resumed.stdout
    resumed_paths = {entry.path for entry in command_line.world.request_log[read:]}
    assert "/v2/activity/workout" in resumed_paths
    assert "/v2/cycle" not in resumed_paths
    assert "Taking up" not in command_line.run(*backfill).stdout


def test_an_error_ends_with_one_full_stop() -> None:
    watcher = Watcher(Lines(Console(quiet=True), days=1))
    watcher.cause = "The database does not answer."
    with pytest.raises(BackfillIncomplete, match=r"does not answer\.$"):
        require_complete(BackfillResult("a-run", False, 1.0), watcher, [])


def test_the_digest_depends_on_days_and_members_but_not_on_their_order() -> None:
    first, last = date(2026, 1, 1), date(2026, 1, 2)
    assert BackfillRange(first, last, (1, 2)).digest == BackfillRange(first, last, (2, 1)).digest
    assert (
        BackfillRange(first, last).digest
        != BackfillRange(first, last, (1,)).digest
        != BackfillRange(first, first, (1,)).digest
    )


@pytest.mark.slow
def test_after_a_revoked_grant_the_backfill_resumes_with_the_missing_data_only(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    world = command_line.world
    command_line.connect(member)
    backfill = ("backfill", "--from", ago(9), "--to", ago(4))

    def revoke(number: int, path: str, query: dict[str, str]) -> None:
        if "/activity/sleep" in path:
            world.revoke_tokens(member)

    sent_before = len(world.request_log)
    world.before_request = revoke
    failed = command_line.run(*backfill)
    world.before_request = None
    read_before = {entry.path for entry in world.request_log[sent_before:] if entry.status == 200}
    assert failed.exit_code == 1
    assert f"Member {member} must be connected again" in failed.stderr
    assert "`whoop-assets connect`" in failed.stderr
    (listed,) = json.loads(command_line.run("members", "--json").stdout)
    assert (listed["status"], listed["mended_by"]) == ("reconnection_needed", "whoop-assets connect")
    assert listed["cycles"] > 0

    command_line.connect(member)
    read = len(world.request_log)
    resumed = command_line.run(*backfill)
    assert resumed.exit_code == 0, resumed.output
    assert "Taking up the unfinished backfill" in resumed.stdout
    resumed_paths = {entry.path for entry in world.request_log[read:]}
    assert "/v2/activity/sleep" in resumed_paths
    assert "/v2/cycle" in read_before
    assert resumed_paths & read_before == set()
