"""Backfilling through Dagster: what is refused before it begins, what it does, how it is taken up again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from whoop_assets.cli.backfill.backfill import BackfillIncomplete, _judge
from whoop_assets.cli.backfill.dagster_home import open_instance
from whoop_assets.cli.backfill.range_run import BACKFILL_TAG, BackfillRange, BackfillResult
from whoop_assets.cli.backfill.run_watcher import Watcher
from whoop_assets.defs.assets.loading import SINCE_TAG
from whoop_assets.summaries import daily_store
from whoop_assets.sync.members import membership
from whoop_assets_tests.cli.conftest import CommandLine, is_one_error
from whoop_assets_tests.support.fixed_time import TODAY


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    with open_instance(Path("data/dagster").absolute()) as opened:
        yield opened


def tags() -> list[dict[str, str]]:
    """The tags of the runs so far, the newest first."""
    with instance() as opened:
        return [dict(run.tags) for run in opened.get_runs()]


@pytest.mark.parametrize(
    ("first", "last", "said"),
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
def test_days_that_are_no_partitions_are_refused_before_a_run_starts(
    command_line: CommandLine, first: str, last: str, said: str
) -> None:
    assert said in is_one_error(command_line.run("backfill", "--from", first, "--to", last), status=2)
    assert not Path("data/dagster").exists()


def test_with_nobody_connected_no_run_starts(command_line: CommandLine) -> None:
    said = is_one_error(command_line.run("backfill", "--from", ago(2), "--to", ago(0)))
    assert "whoop-assets connect" in said
    assert not Path("data/dagster").exists()


def test_an_unknown_member_is_named_before_a_run_starts(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    said = is_one_error(command_line.run("backfill", "--from", ago(2), "--to", ago(0), "--member", "4711"))
    assert "Member 4711 is not known here" in said
    assert not Path("data/dagster").exists()


def test_a_backfill_fills_every_asset_of_every_day_in_one_run(command_line: CommandLine) -> None:
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
        rows = daily_store.newest_rows(connection, 100)
    database.close()
    assert {row["user_id"] for row in rows} == set(command_line.members)


@pytest.mark.slow
def test_named_members_are_read_and_no_others(command_line: CommandLine) -> None:
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
def test_the_cause_comes_first_and_nothing_is_called_done_that_failed(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    command_line.world.inject_fault("status", status=403, count=None, path_prefix="/developer/v2/cycle")
    result = command_line.run("backfill", "--from", ago(1), "--to", ago(0))
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert "cycles: 2 days done" not in lines
    (first, *_) = [place for place, line in enumerate(lines) if "403" in line]
    assert lines[first].startswith("cycles: Member ")
    assert lines.index("profile: 2 days done") >= 0
    assert first < min(
        (place for place, line in enumerate(lines) if line.startswith("daily_summary")), default=99
    )


@pytest.mark.slow
def test_reading_unchanged_days_again_changes_no_summary(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    for _ in range(2):
        assert command_line.run("backfill", "--from", ago(4), "--to", ago(1), "--force").exit_code == 0
    with instance() as opened:
        newest = opened.get_latest_materialization_event(dg.AssetKey(["whoop", "daily_summary"]))
        assert newest is not None
        assert newest.asset_materialization is not None
        assert newest.asset_materialization.metadata["changed"].value == 0


@pytest.mark.slow
def test_a_stream_that_fails_is_named_and_the_others_are_stored(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    command_line.world.inject_fault("status", status=403, count=None, path_prefix="/v2/activity/workout")
    result = command_line.run("backfill", "--from", ago(6), "--to", ago(4))
    assert f"1 load of member {member} did not complete" in is_one_error(result)
    assert f"member {member}, workouts: " in result.stderr
    assert "recoveries 3, " in result.stdout
    assert "workouts" not in result.stdout


@pytest.mark.slow
def test_a_backfill_that_the_budget_ended_is_taken_up_and_a_finished_one_is_read_anew(
    command_line: CommandLine,
) -> None:
    for member in command_line.members:
        command_line.connect(member)
    # Enough to read both members' cycles; a tenth is left to other lanes.
    enough = command_line.world.stats()["requests"] + 4
    command_line.environment.setenv("WHOOP_REQUESTS_PER_DAY", str(round(enough / 0.9)))
    again = ("backfill", "--from", ago(9), "--to", ago(4))
    spent = command_line.run(*again)
    assert spent.exit_code == 1
    assert "before 20" in spent.stderr
    assert "UTC" in spent.stderr
    assert "run the same command again to resume" in spent.stderr.splitlines()[-1]
    read = command_line.world.stats()["requests"]

    command_line.environment.setenv("WHOOP_REQUESTS_PER_DAY", "1000")
    done = command_line.run(*again)
    assert done.exit_code == 0, done.output
    first, second = tags()
    assert SINCE_TAG in first
    assert SINCE_TAG not in second
    assert "Taking up the unfinished backfill" in done.stdout
    taken_up = {entry.path for entry in command_line.world.request_log[read:]}
    assert "/v2/cycle" not in taken_up
    assert "/v2/activity/workout" in taken_up

    assert command_line.run(*again).exit_code == 0
    assert SINCE_TAG not in tags()[0]


@pytest.mark.slow
def test_force_reads_everything_again(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    command_line.environment.setenv("WHOOP_REQUESTS_PER_DAY", "1")
    again = ("backfill", "--from", ago(6), "--to", ago(6))
    assert command_line.run(*again).exit_code == 1
    assert command_line.run(*again, "--force").exit_code == 1
    assert all(SINCE_TAG not in found for found in tags())
    command_line.run(*again)
    assert SINCE_TAG in tags()[0]


@pytest.mark.slow
def test_a_member_who_must_come_back_makes_the_backfill_incomplete_and_costs_the_others_nothing(
    command_line: CommandLine,
) -> None:
    for member in command_line.members:
        command_line.connect(member)
    gone, here = command_line.members
    command_line.world.revoke_tokens(gone)
    result = command_line.run("backfill", "--from", ago(2), "--to", ago(1))
    assert result.exit_code == 1
    assert f"member {gone}, cycles: " in result.stderr
    assert "whoop-assets connect" in result.stderr
    assert f"member {here}," not in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WHOOP_TOKEN_KEY", "rubbish"),
        ("WHOOP_TOKEN_KEY", "A" * 43 + "="),  # a Fernet key, and not the one that was in use
        ("WHOOP_API_URL", "notaurl"),
        ("WHOOP_OAUTH_URL", "notaurl"),
    ],
)
def test_a_setting_that_lets_nothing_be_read_is_named_before_a_run_starts(
    command_line: CommandLine, name: str, value: str
) -> None:
    command_line.connect(command_line.members[0])
    command_line.environment.setenv(name, value)
    assert name in is_one_error(command_line.run("backfill", "--from", ago(2), "--to", ago(1)))
    assert not Path("data/dagster").exists()


@pytest.mark.slow
def test_a_record_that_is_not_understood_is_named_counted_and_makes_the_backfill_incomplete(
    command_line: CommandLine,
) -> None:
    member, other = command_line.members
    for user_id in command_line.members:
        command_line.connect(user_id)
    workout = next(one for one in command_line.world.truth(member)["workouts"] if one.get("score"))
    command_line.world.edit(member, "workouts", workout["id"], {"sport_name": None})
    every = ("backfill", "--from", ago(13), "--to", ago(0))
    result = command_line.run(*every)
    assert result.exit_code == 1
    said = result.stderr.splitlines()[-1]
    assert said.startswith("warning: 1 record was not understood and is kept in the table quarantine (member")
    assert f"member {member}, workouts: Workout: sport_name must be text" in said
    shown = json.loads(command_line.run("members", "--json").stdout)
    assert {one["user_id"]: one["quarantined"] for one in shown} == {member: 1, other: 0}
    assert "quarantined" in command_line.run("members").stdout

    # It is in the way of nobody else, and of no other days.
    assert command_line.run(*every, "--member", str(other)).exit_code == 0
    command_line.world.edit(member, "workouts", workout["id"], {"sport_name": "running"})
    mended = command_line.run(*every)
    assert (mended.exit_code, "warning" in mended.stderr) == (0, False), mended.output
    assert "Taking up" not in mended.stdout


@pytest.mark.slow
def test_what_failed_without_failing_the_run_is_taken_up_even_when_connecting_forgot_it(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    again = ("backfill", "--from", ago(6), "--to", ago(4))
    command_line.world.inject_fault("status", status=403, count=None, path_prefix="/v2/activity/workout")
    assert "run the same command again to resume" in command_line.run(*again).stderr
    with instance() as opened:
        assert opened.get_runs()[0].is_success
    command_line.world.clear_faults()
    command_line.connect(member)
    read = len(command_line.world.request_log)
    done = command_line.run(*again)
    assert done.exit_code == 0, done.output
    assert "Taking up the unfinished backfill" in done.stdout
    taken_up = {entry.path for entry in command_line.world.request_log[read:]}
    assert "/v2/activity/workout" in taken_up
    assert "/v2/cycle" not in taken_up
    assert "Taking up" not in command_line.run(*again).stdout


def test_a_cause_ends_with_one_full_stop() -> None:
    watcher = Watcher(Nothing())
    watcher.cause = "The database does not answer."
    with pytest.raises(BackfillIncomplete, match=r"does not answer\.$"):
        _judge(BackfillResult("a-run", False, 1.0), watcher, [])


class Nothing:
    """A display that shows nothing."""

    def planned(self, days: int) -> None: ...

    def began(self, asset: str) -> None: ...

    def materialized(self, asset: str, days: int) -> None: ...

    def failed(self, asset: str, cause: str) -> None: ...


def test_the_digest_names_days_and_members_and_not_their_order() -> None:
    first, last = date(2026, 1, 1), date(2026, 1, 2)
    assert BackfillRange(first, last, (1, 2)).digest == BackfillRange(first, last, (2, 1)).digest
    assert (
        BackfillRange(first, last).digest
        != BackfillRange(first, last, (1,)).digest
        != BackfillRange(first, first, (1,)).digest
    )


@pytest.mark.slow
def test_a_grant_revoked_in_the_middle_is_told_and_after_connecting_again_only_the_rest_is_read(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    world = command_line.world
    command_line.connect(member)
    again = ("backfill", "--from", ago(9), "--to", ago(4))

    def revoke(number: int, path: str, query: dict[str, str]) -> None:
        if "/activity/sleep" in path:
            world.revoke_tokens(member)

    begun = len(world.request_log)
    world.before_request = revoke
    failed = command_line.run(*again)
    world.before_request = None
    had_been_read = {entry.path for entry in world.request_log[begun:] if entry.status == 200}
    assert failed.exit_code == 1
    assert f"Member {member} must be connected again" in failed.stderr
    assert "`whoop-assets connect`" in failed.stderr
    (shown,) = json.loads(command_line.run("members", "--json").stdout)
    assert (shown["status"], shown["mended_by"]) == ("reconnection_needed", "whoop-assets connect")
    assert shown["cycles"] > 0

    command_line.connect(member)
    read = len(world.request_log)
    done = command_line.run(*again)
    assert done.exit_code == 0, done.output
    assert "Taking up the unfinished backfill" in done.stdout
    taken_up = {entry.path for entry in world.request_log[read:]}
    assert "/v2/activity/sleep" in taken_up
    assert "/v2/cycle" in had_been_read
    assert taken_up & had_been_read == set()
