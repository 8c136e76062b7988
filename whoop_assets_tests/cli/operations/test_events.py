"""`events`, `serve` and `connect --link`: what came, what became of it, and one sentence when something is
wrong."""

import json
import socket
from datetime import timedelta

import pytest

from whoop_assets.cli.processes.ports import free_port
from whoop_assets.members import invitations
from whoop_assets.members import store as member_store
from whoop_assets.webhooks import attempts, inbox
from whoop_assets.webhooks.inbox import Delivery
from whoop_assets_tests.cli.conftest import CommandLine, is_one_error
from whoop_assets_tests.support.fixed_time import NOW

SLEEP = "ecfc6a15-4661-442f-a9a4-f160dd7afae8"
MEMBER, STRANGER = 10129, 4711
NOBODY = {"email": None, "first_name": None, "last_name": None}


def payload(trace_id: str, user_id: int, kind: str) -> str:
    return json.dumps({"user_id": user_id, "id": SLEEP, "type": kind, "trace_id": trace_id})


@pytest.fixture
def with_events(command_line: CommandLine) -> CommandLine:
    """One open event, one of a stranger, one of an unknown type, one that is done."""
    database = command_line.database()
    now = NOW
    with database.write() as connection:
        member_store.connect(connection, MEMBER, ["offline"], NOBODY, now)
        for trace_id, user_id, kind, refusal in (
            ("done", MEMBER, "workout.updated", None),
            ("open", MEMBER, "sleep.updated", None),
            ("stranger", STRANGER, "sleep.updated", None),
            ("unknown", MEMBER, "cycle.updated", "Not known."),
        ):
            stream = {"sleep.updated": "sleeps", "workout.updated": "workouts"}.get(kind)
            said = payload(trace_id, user_id, kind)
            inbox.receive(
                connection, [Delivery(trace_id, user_id, kind, SLEEP, stream, said, now, refusal)], now
            )
        attempts.close(connection, MEMBER, {("workouts", SLEEP): now + timedelta(seconds=1)}, now, "run-1")
    database.close()
    return command_line


def test_list_shows_what_came_and_counts_what_waits(with_events: CommandLine) -> None:
    result = with_events.run("events", "list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("open", "stranger", "unknown", "done", "Not known."))
    assert result.stdout.splitlines()[-1] == "1 open, 2 parked."
    parked = json.loads(with_events.run("events", "list", "--state", "parked", "--json").stdout)
    assert {event["trace_id"] for event in parked} == {"stranger", "unknown"}
    assert parked[0]["state"] == "parked"
    assert len(json.loads(with_events.run("events", "list", "--json", "--limit", "1").stdout)) == 1


def test_show_tells_everything_of_one_event(with_events: CommandLine) -> None:
    result = with_events.run("events", "show", "stranger")
    assert result.exit_code == 0
    assert "The user is not a member here." in result.stdout
    said = json.loads(with_events.run("events", "show", "done", "--json").stdout)
    assert said["closed_by"] == "run-1"
    assert said["payload"] == json.loads(payload("done", MEMBER, "workout.updated"))


def test_an_event_that_is_not_there_is_one_sentence(with_events: CommandLine) -> None:
    for command in ("show", "replay"):
        assert "`whoop-assets events list`" in is_one_error(with_events.run("events", command, "nowhere"))


def test_replay_takes_up_what_has_changed_and_says_what_has_not(with_events: CommandLine) -> None:
    result = with_events.run("events", "replay", "--parked")
    assert result.exit_code == 1
    assert result.stdout.startswith("Open again: 0.")
    database = with_events.database()
    with database.write() as connection:
        member_store.connect(connection, STRANGER, ["offline"], NOBODY, NOW)
    result = with_events.run("events", "replay", "--parked")
    assert result.exit_code == 1
    assert "Open again: 1." in result.stdout
    assert "Event unknown stays parked." in result.stderr
    with database.read() as connection:
        assert {event.trace_id for event in inbox.listed(connection, state="open")} == {"open", "stranger"}
    database.close()
    assert with_events.run("events", "replay", "done").exit_code == 0


def test_a_replay_of_nothing_or_of_both_is_refused(with_events: CommandLine) -> None:
    is_one_error(with_events.run("events", "replay"), status=2)
    is_one_error(with_events.run("events", "replay", "--parked", "open"), status=2)


def test_without_events_the_list_says_so(command_line: CommandLine) -> None:
    assert command_line.run("events", "list").stdout == "0 open, 0 parked.\n"
    assert command_line.run("events", "replay", "--parked").exit_code == 0


def test_serving_on_a_port_in_use_is_one_sentence(command_line: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = is_one_error(command_line.run("serve", "--port", port))
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_serving_needs_the_apps_credentials_and_a_host_of_this_machine(command_line: CommandLine) -> None:
    assert "cannot listen" in is_one_error(
        command_line.run("serve", "--host", "192.0.2.1", "--port", str(free_port()))
    )
    command_line.environment.delenv("WHOOP_CLIENT_SECRET")
    assert "WHOOP_CLIENT_SECRET" in is_one_error(command_line.run("serve"))


def test_connect_link_prints_a_link_alone_on_a_line(command_line: CommandLine) -> None:
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


def test_connect_link_needs_an_address_that_leads_to_the_service(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_REDIRECT_URI", "https://whoop.example.org/elsewhere")
    assert "WHOOP_REDIRECT_URI" in is_one_error(command_line.run("connect", "--link"))
