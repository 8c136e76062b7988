"""`sessions`: list and end sign-ins, create one-time links, print the audit log."""

import json
from datetime import UTC, datetime

import pytest

from whoop_assets.members import sessions
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets_tests.cli.conftest import CommandLine, error_of


@pytest.fixture
def member(command_line: CommandLine) -> int:
    member = command_line.members[0]
    command_line.connect(member)
    return member


def sign_in(user_id: int) -> str:
    database = open_database(Settings.from_environment())
    with database.write() as connection:
        token = sessions.begin(connection, user_id, datetime.now(UTC))
    database.close()
    return token


def test_sessions_are_listed_without_tokens_and_can_be_ended(command_line: CommandLine, member: int) -> None:
    tokens = [sign_in(member) for _ in range(3)]
    listed = json.loads(command_line.run("sessions", "list", "--json").stdout)
    assert [entry["user_id"] for entry in listed] == [member] * 3
    printed = command_line.run("sessions", "list").stdout
    assert printed.splitlines()[-1] == "3 sessions."
    assert not any(token in printed for token in tokens)
    number = str(listed[0]["session"])
    assert "1 session of" in command_line.run("sessions", "end", str(member), "--session", number).stdout
    assert "2 sessions of" in command_line.run("sessions", "end", str(member)).stdout
    assert command_line.run("sessions", "list").stdout == "0 sessions.\n"
    assert "command: sessions ended" in command_line.run("sessions", "log", str(member)).stdout


def test_a_link_is_created_only_for_a_stored_member(command_line: CommandLine, member: int) -> None:
    link = command_line.run("sessions", "link", str(member))
    assert link.exit_code == 0
    assert "/sign-in/" in link.stdout
    assert "within 1 hour." in command_line.run("sessions", "link", str(member), "--hours", "1").stderr
    assert "4711" in error_of(command_line.run("sessions", "link", "4711"))
    assert "4711" in error_of(command_line.run("sessions", "end", "4711"))
    assert "4711" in error_of(command_line.run("sessions", "log", "4711"))
