"""`plan`, the progress of the first import in `members`, and `backfill --months`."""

import json
from datetime import date, timedelta

import pytest

from whoop_assets.cli.backfill.backfill import months_before
from whoop_assets.cli.backfill.range_run import BackfillRange
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.fixed_time import TODAY


def plan_json(command_line: CommandLine) -> dict[str, object]:
    result = command_line.run("plan", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_without_connected_members_nothing_is_due(command_line: CommandLine) -> None:
    found = plan_json(command_line)
    assert (found["due"], found["later"], found["next_at"]) == ([], [], None)
    assert "Nothing is due now." in command_line.run("plan").stdout


def test_a_new_member_is_due_with_reason_days_lane_and_cost(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    found = plan_json(command_line)
    due, expected = found["due"], found["expected_requests_per_day"]
    assert isinstance(due, list)
    assert isinstance(expected, dict)
    assert sum(expected.values()) <= 10_000  # WHOOP's limit for a day
    (new,) = [entry for entry in due if entry["reason"] == "unread"]
    assert (new["members"], new["lane"], new["why"][-1]) == ([member], "schedule", ".")
    assert new["requests"] >= 4
    printed = command_line.run("plan").stdout
    assert "Due now" in printed
    assert str(member) in printed
    assert "Expected requests a day" in printed


@pytest.mark.slow
def test_members_shows_the_progress_of_the_first_import(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.connect(command_line.members[0])
    assert "not read yet" in command_line.run("members").stdout
    first = TODAY - timedelta(days=10)
    assert command_line.run("backfill", "--from", str(first), "--to", str(TODAY)).exit_code == 0
    (member,) = json.loads(command_line.run("members", "--json").stdout)
    assert not member["history"]["complete"]
    assert member["history"]["read_back_to"] <= str(first)
    assert 0 <= member["history"]["percent"] < 100
    assert f"back to {member['history']['read_back_to']}" in " ".join(
        command_line.run("members").stdout.split()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--months", "6", "--all"),
        ("--all", "--from", "2026-01-01"),
        ("--from", "2026-01-01"),
        (),
    ],
)
def test_contradicting_or_incomplete_ranges_are_rejected(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    command_line.connect(command_line.members[0])
    result = command_line.run("backfill", *arguments)
    error_of(result, 2)


@pytest.mark.slow
def test_months_selects_the_last_months(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    result = command_line.run("backfill", "--months", "1")
    assert result.exit_code == 0, result.output
    assert "days:" in result.stdout


def test_months_are_calendar_months() -> None:
    assert months_before(date(2026, 11, 21), 6) == date(2026, 5, 21)
    assert months_before(date(2026, 3, 31), 1) == date(2026, 2, 28)
    assert months_before(date(2026, 1, 15), 13) == date(2024, 12, 15)


def test_a_backfill_of_months_is_resumed_on_the_next_day() -> None:
    today, tomorrow = date(2026, 11, 21), date(2026, 11, 22)
    first, second = (BackfillRange(months_before(day, 6), day, (), "6 months") for day in (today, tomorrow))
    assert first.digest == second.digest
    assert BackfillRange(first.first, first.last).digest != first.digest
    assert BackfillRange(first.first, first.last, (7,), "6 months").digest != first.digest
