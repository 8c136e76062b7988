"""`readers`: add, list and revoke readers of the daily API; a key is printed only once."""

import json

import httpx
import pytest

from whoop_assets_tests.cli.conftest import CommandLine, error_of


def test_readers_are_added_listed_and_revoked(command_line: CommandLine) -> None:
    for member in command_line.members:
        command_line.connect(member)
    first, second = command_line.members
    added = command_line.run(
        "readers", "add", "wall display", "--member", str(first), "--member", str(second)
    )
    assert added.exit_code == 0, added.output
    (key,) = added.stdout.split()
    assert "Reader 1 reads the days of 2 members" in added.stderr
    (entry,) = json.loads(command_line.run("readers", "list", "--json").stdout)
    assert (entry["reader"], entry["label"], entry["members"]) == (1, "wall display", sorted([first, second]))
    assert (entry["requests_per_minute"], entry["revoked_at"]) == (120, None)
    listed = command_line.run("readers", "list").stdout
    assert listed.splitlines()[-1] == "1 good, 0 revoked."
    assert key not in listed
    assert command_line.run("readers", "revoke", "1").stdout == "Reader 1 is revoked.\n"
    assert command_line.run("readers", "revoke", "1").stdout == "Reader 1 had been revoked before.\n"
    assert command_line.run("readers", "list").stdout.splitlines()[-1] == "0 good, 1 revoked."


@pytest.mark.slow
def test_a_running_service_accepts_a_new_key_and_rejects_a_revoked_one(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    with command_line.start("serve", "--port", "0") as serving:
        base_url = serving.line().split()[3].rstrip(";")
        key = command_line.run("readers", "add", "script", "--member", str(member)).stdout.strip()
        url, headers = f"{base_url}/api/v1/whoop/recovery-status", {"Authorization": f"Bearer {key}"}
        assert [row["user_id"] for row in httpx.get(url, headers=headers, timeout=60).json()["data"]] == [
            member
        ]
        assert command_line.run("readers", "revoke", "1").exit_code == 0
        assert httpx.get(url, headers=headers, timeout=60).status_code == 401


def test_invalid_arguments_are_rejected(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    assert "4711" in error_of(command_line.run("readers", "add", "script", "--member", "4711"))
    assert "--member" in error_of(command_line.run("readers", "add", "script"), 2)
    assert "no reader 7" in error_of(command_line.run("readers", "revoke", "7"))
    assert command_line.run("readers", "list").stdout == "0 good, 0 revoked.\n"
