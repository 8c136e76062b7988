"""`budget`: the windows, who used what, and when there is more."""

import json
from datetime import datetime, timedelta
from typing import Any

from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets_tests.cli.conftest import CommandLine


def shown(command_line: CommandLine) -> dict[str, Any]:
    result = command_line.run("budget", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


class Stated:
    limits = ((100, 60), (10_000, 86_400))
    nearest, remaining, reset_seconds = 100, 0, 3600.0


def test_it_says_who_used_what_of_each_window(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    found = shown(command_line)
    minute, day = found["windows"]
    assert (minute["seconds"], day["seconds"]) == (60, 86_400)
    assert minute["used"] == day["used"] == minute["by_lane"]["schedule"] > 0
    (user,) = found["used_by"]
    assert user == {
        "used_by": "whoop-assets connect",
        "lane": "schedule",
        "minute": day["used"],
        "day": day["used"],
    }
    printed = command_line.run("budget").stdout
    assert "whoop-assets connect" in printed
    assert "Every lane can send at once." in printed


def test_it_needs_no_credentials_and_says_that_nothing_was_used(command_line: CommandLine) -> None:
    found = shown(command_line)
    assert [window["used"] for window in found["windows"]] == [0, 0]
    assert found["used_by"] == []


def test_a_429_is_shown_with_the_time_when_it_ends(command_line: CommandLine) -> None:
    database = command_line.database()
    before = database.clock.now()
    RequestBudget(database, per_minute=100, per_day=10_000).observe(429, Stated())
    after = database.clock.now()
    database.close()
    found = shown(command_line)
    until = datetime.fromisoformat(found["closed_until"])
    assert before <= until - timedelta(hours=1) <= after
    assert set(found["next_slot"].values()) == {found["closed_until"]}
    printed = command_line.run("budget").stdout
    assert f"WHOOP answered 429: no request before {until:%Y-%m-%d %H:%M:%S} UTC." in printed
    assert "The backfill lane can send again at" in printed


def test_who_waits_is_counted(command_line: CommandLine) -> None:
    from whoop_assets.request_budget import wait_queue

    database = command_line.database()
    with database.write() as connection:
        now = database.now(connection)
        wait_queue.wait(connection, "backfill", "run 1a2b3c4d", None, now, now + timedelta(seconds=14))
    database.close()
    assert [one["used_by"] for one in shown(command_line)["waiting"]] == ["run 1a2b3c4d"]
    assert "1 waiting, the longest since" in command_line.run("budget").stdout
