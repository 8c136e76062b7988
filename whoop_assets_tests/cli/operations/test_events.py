"""`events`, `serve` and `connect --link`."""

import json
import socket
from datetime import timedelta

import pytest

from whoop_assets.cli.processes.ports import free_port
from whoop_assets.members import invitations
from whoop_assets.members import store as member_store
from whoop_assets.webhooks import attempts, inbox
from whoop_assets.webhooks.inbox import Delivery
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.fixed_time import NOW

SLEEP = "ecfc6a15-4661-442f-a9a4-f160dd7afae8"
MEMBER, UNKNOWN_USER = 10129, 4711
WITHOUT_PROFILE = {"email": None, "first_name": None, "last_name": None}


def payload(trace_id: str, user_id: int, kind: str) -> str:
    return json.dumps({"user_id": user_id, "id": SLEEP, "type": kind, "trace_id": trace_id})


@pytest.fixture
def with_events(command_line: CommandLine) -> CommandLine:
    """The command line with an open event, a done one, one of an unknown user and one of an unknown type."""
    database = command_line.database()
    now = NOW
    with database.write() as connection:
        member_store.connect(connection, MEMBER, ["offline"], WITHOUT_PROFILE, now)
        for trace_id, user_id, kind, refusal in (
            ("done", MEMBER, "workout.updated", None),
            ("open", MEMBER, "sleep.updated", None),
            ("unknown-user", UNKNOWN_USER, "sleep.updated", None),
            ("unknown-type", MEMBER, "cycle.updated", "Not known."),
        ):
            stream = {"sleep.updated": "sleeps", "workout.updated": "workouts"}.get(kind)
            body = payload(trace_id, user_id, kind)
            inbox.receive(
                connection, [Delivery(trace_id, user_id, kind, SLEEP, stream, refusal, body, now)], now
            )
        attempts.close(connection, MEMBER, {("workouts", SLEEP): now + timedelta(seconds=1)}, now, "run-1")
    database.close()
    return command_line


def test_list_prints_events_and_counts_open_and_parked_ones(with_events: CommandLine) -> None:
    result = with_events.run("events", "list")
    assert result.exit_code == 0
    assert all(
        name in result.stdout for name in ("open", "unknown-user", "unknown-type", "done", "Not known.")
    )
    assert result.stdout.splitlines()[-1] == "1 open, 2 parked."
    parked = json.loads(with_events.run("events", "list", "--state", "parked", "--json").stdout)
    assert {event["trace_id"] for event in parked} == {"unknown-user", "unknown-type"}
    assert parked[0]["state"] == "parked"
    assert len(json.loads(with_events.run("events", "list", "--json", "--limit", "1").stdout)) == 1


def test_show_prints_one_event(with_events: CommandLine) -> None:
    result = with_events.run("events", "show", "unknown-user")
    assert result.exit_code == 0
    assert "The user is not a member here." in result.stdout
    event = json.loads(with_events.run("events", "show", "done", "--json").stdout)
    assert event["closed_by"] == "run-1"
    assert event["payload"] == json.loads(payload("done", MEMBER, "workout.updated"))


def test_an_unknown_event_is_one_error(with_events: CommandLine) -> None:
    for command in ("show", "replay"):
        assert "`whoop-assets events list`" in error_of(with_events.run("events", command, "nowhere"))


def test_replay_reopens_events_that_can_be_loaded_and_names_the_others(with_events: CommandLine) -> None:
    result = with_events.run("events", "replay", "--parked")
    assert result.exit_code == 1
    assert result.stdout.startswith("Open again: 0.")
    database = with_events.database()
    with database.write() as connection:
        member_store.connect(connection, UNKNOWN_USER, ["offline"], WITHOUT_PROFILE, NOW)
    result = with_events.run("events", "replay", "--parked")
    assert result.exit_code == 1
    assert "Open again: 1." in result.stdout
    assert "Event unknown-type stays parked." in result.stderr
    with database.read() as connection:
        assert {event.trace_id for event in inbox.listed(connection, state="open")} == {
            "open",
            "unknown-user",
        }
    database.close()
    assert with_events.run("events", "replay", "done").exit_code == 0


def test_replay_needs_either_events_or_parked(with_events: CommandLine) -> None:
    error_of(with_events.run("events", "replay"), status=2)
    error_of(with_events.run("events", "replay", "--parked", "open"), status=2)


def test_without_events_list_prints_zero_counts(command_line: CommandLine) -> None:
    assert command_line.run("events", "list").stdout == "0 open, 0 parked.\n"
    assert command_line.run("events", "replay", "--parked").exit_code == 0


def test_serve_on_a_port_in_use_is_one_error(command_line: CommandLine) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        port = str(occupied.getsockname()[1])
        error = error_of(command_line.run("serve", "--port", port))
    assert f"127.0.0.1:{port}" in error
    assert "--port" in error


def test_serve_needs_credentials_and_a_local_host(command_line: CommandLine) -> None:
    assert "cannot listen" in error_of(
        command_line.run("serve", "--host", "192.0.2.1", "--port", str(free_port()))
    )
    command_line.environment.delenv("WHOOP_CLIENT_SECRET")
    assert "WHOOP_CLIENT_SECRET" in error_of(command_line.run("serve"))


def test_connect_link_prints_only_the_link_on_stdout(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_REDIRECT_URI", "https://whoop.example.org/callback")
    result = command_line.run("connect", "--link", "--hours", "2")
    assert result.exit_code == 0
    assert result.stdout.startswith("https://whoop.example.org/connect/")
    assert len(result.stdout.splitlines()) == 1
    assert "2 hours" in result.stderr
    secret = result.stdout.strip().rpartition("/")[2]
    database = command_line.database()
    with database.write() as connection:
        assert invitations.begin(connection, secret, "a-state", NOW)
    database.close()


def test_connect_link_rejects_a_redirect_uri_outside_the_service(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_REDIRECT_URI", "https://whoop.example.org/elsewhere")
    assert "WHOOP_REDIRECT_URI" in error_of(command_line.run("connect", "--link"))
