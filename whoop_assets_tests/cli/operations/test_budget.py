"""`budget`: the windows, their use by process and lane, and the next free slots."""

import json
from datetime import datetime, timedelta
from typing import Any

from whoop_assets.request_budget import wait_queue
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.whoop_api.protocols import RateLimit
from whoop_assets_tests.cli.conftest import CommandLine


def budget_json(command_line: CommandLine) -> dict[str, Any]:
    result = command_line.run("budget", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_use_of_each_window_is_printed_by_lane_and_process(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    found = budget_json(command_line)
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


def test_an_unused_budget_is_printed_without_credentials(command_line: CommandLine) -> None:
    found = budget_json(command_line)
    assert [window["used"] for window in found["windows"]] == [0, 0]
    assert found["used_by"] == []


def test_a_429_is_printed_with_its_end(command_line: CommandLine) -> None:
    database = command_line.database()
    before = database.clock.now()
    stated = RateLimit(((100, 60), (10_000, 86_400)), nearest=100, remaining=0, reset_seconds=3600.0)
    RequestBudget(database, per_minute=100, per_day=10_000).observe(429, stated)
    after = database.clock.now()
    database.close()
    found = budget_json(command_line)
    until = datetime.fromisoformat(found["closed_until"])
    assert before <= until - timedelta(hours=1) <= after
    assert set(found["next_slot"].values()) == {found["closed_until"]}
    printed = command_line.run("budget").stdout
    assert f"WHOOP answered 429: no request before {until:%Y-%m-%d %H:%M:%S} UTC." in printed
    assert "The backfill lane can send again at" in printed


def test_waiting_processes_are_counted(command_line: CommandLine) -> None:
    database = command_line.database()
    with database.write() as connection:
        now = database.now(connection)
        wait_queue.wait(connection, "backfill", "run 1a2b3c4d", None, now, now + timedelta(seconds=14))
    database.close()
    assert [entry["used_by"] for entry in budget_json(command_line)["waiting"]] == ["run 1a2b3c4d"]
    assert "1 waiting, the longest since" in command_line.run("budget").stdout
