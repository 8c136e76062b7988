"""`members` and `disconnect`."""

import json
from datetime import UTC, datetime

import dagster as dg
from cryptography.fernet import Fernet
from sqlalchemy import func, select, update

from whoop_assets.defs.checks.runs import timezone_covers_members
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.members import store as member_store
from whoop_assets.schema import metadata
from whoop_assets.settings import Settings
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens import tables
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.fixed_time import TODAY

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def members_json(command_line: CommandLine) -> list[dict[str, object]]:
    result = command_line.run("members", "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_without_members_the_output_names_the_connect_command(command_line: CommandLine) -> None:
    assert "whoop-assets connect" in command_line.run("members").stdout
    assert members_json(command_line) == []


def test_a_connected_member_is_listed_by_id_without_name_or_e_mail(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    (entry,) = members_json(command_line)
    assert (entry["user_id"], entry["status"], entry["mended_by"], entry["cycles"]) == (
        member,
        "connected",
        None,
        0,
    )
    printed = command_line.run("members").stdout
    assert str(member) in printed
    profile = command_line.world.profile(member)
    assert profile is not None
    for personal in ("email", "first_name", "last_name"):
        assert str(profile[personal]) not in printed + json.dumps(entry)


def test_a_member_who_must_reconnect_is_listed_with_the_command(
    command_line: CommandLine,
) -> None:
    command_line.connect(command_line.members[0])
    database = command_line.database()
    with database.write() as connection:
        member_store.set_status(
            connection,
            command_line.members[0],
            member_store.RECONNECTION_NEEDED,
            "WHOOP no longer accepts the token",
        )
    database.close()
    (entry,) = members_json(command_line)
    assert (entry["reason"], entry["mended_by"]) == (
        "WHOOP no longer accepts the token",
        "whoop-assets connect",
    )
    assert (
        "WHOOP no longer accepts the token; `whoop-assets connect` fixes it"
        in command_line.run("members").stdout
    )


def test_disconnect_revokes_the_grant_and_keeps_the_records(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    result = command_line.run("disconnect", str(member))
    assert result.exit_code == 0, result.output
    assert "the records are kept" in result.stdout
    (entry,) = members_json(command_line)
    assert (entry["status"], entry["mended_by"]) == ("disconnected", None)
    printed = command_line.run("members").stdout
    assert f"Member {member}: disconnected here." in printed
    assert "fixes it" not in printed
    assert command_line.world.revoke_tokens(member) == 0


def test_erase_asks_for_confirmation_and_reports_the_number_of_rows(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    declined = command_line.run("disconnect", str(member), "--erase", typed="n\n")
    assert "Nothing was done." in declined.stdout
    assert members_json(command_line)[0]["status"] == "connected"
    done = command_line.run("disconnect", str(member), "--erase", typed="y\n")
    # The member, the tokens and one profile snapshot.
    assert f"Member {member} is disconnected; rows erased: 3." in done.stdout
    assert (done.exit_code, "WHOOP app" in done.output) == (0, False)
    database = command_line.database()
    with database.read() as connection:
        for table in metadata.sorted_tables:
            if "user_id" in table.c:
                assert connection.scalar(select(func.count()).select_from(table)) == 0
    database.close()


def test_erase_without_confirmation_fails_and_erases_nothing(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    assert "--yes" in error_of(command_line.run("disconnect", str(member), "--erase"))
    assert members_json(command_line)[0]["status"] == "connected"


def test_with_a_lost_token_key_erase_asks_the_user_to_revoke_the_grant(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    command_line.environment.setenv("WHOOP_TOKEN_KEY", Fernet.generate_key().decode())
    assert "WHOOP_TOKEN_KEY" in error_of(command_line.run("disconnect", str(member)))
    done = command_line.run("disconnect", str(member), "--erase", "--yes")
    assert done.exit_code == 1
    assert f"Member {member} is disconnected; rows erased: 3." in done.stdout
    assert done.stderr == "The grant could not be ended at WHOOP: end it in the WHOOP app.\n"
    assert members_json(command_line) == []


def test_a_failed_revocation_keeps_the_member_connected(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    command_line.world.inject_fault("status", status=403, count=None)
    error_of(command_line.run("disconnect", str(member), "--erase", "--yes"))
    assert members_json(command_line)[0]["status"] == "connected"


def test_an_unknown_member_is_rejected(command_line: CommandLine) -> None:
    assert "Member 4711 is not known here" in error_of(
        command_line.run("disconnect", "4711", "--erase", "--yes")
    )
    error_of(command_line.run("disconnect", "not-an-id"), status=2)


def test_members_reports_an_unanswered_token_exchange(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    assert members_json(command_line)[0]["unanswered_exchange"] is None
    database = command_line.database()
    with database.write() as connection:
        connection.execute(
            update(tables.tokens).values(intent_at=LONG_AGO, lease_until=LONG_AGO, lease_holder="host:1")
        )
    database.close()
    exchange = str(members_json(command_line)[0]["unanswered_exchange"])
    assert exchange.startswith("a process (pid 1) stopped during a token exchange that began at 2020-01-01")
    assert exchange in command_line.run("members").stdout


def test_keep_alive_refreshes_unused_tokens_and_names_members_who_must_reconnect(
    command_line: CommandLine,
) -> None:
    revoked, unused = command_line.members
    for member in command_line.members:
        command_line.connect(member)
    assert "Nothing to do" in command_line.run("members", "--keep-alive").stdout
    database = command_line.database()
    with database.write() as connection:
        connection.execute(update(tables.tokens).values(refreshed_at=LONG_AGO))
    database.close()
    command_line.world.revoke_tokens(revoked)
    result = command_line.run("members", "--keep-alive")
    assert result.exit_code == 1
    assert result.stdout == f"Member {unused}: the tokens are renewed.\n"
    assert f"Member {revoked} must be connected again" in result.stderr
    assert command_line.run("members", "--keep-alive").exit_code == 0
    error_of(command_line.run("members", "--keep-alive", "--json"), status=2)


def test_commands_advise_a_time_zone_that_covers_the_easternmost_member(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    for cycle in command_line.world.truth(member)["cycles"]:
        command_line.world.edit(member, "cycles", cycle["id"], {"timezone_offset": "+13:00"})
    advice = "Set WHOOP_TIMEZONE=Pacific/Auckland and start Dagster again."
    command_line.environment.setenv("WHOOP_TIMEZONE", "UTC")
    tokens = command_line.world.issue_tokens(member)
    answers = f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
    assert advice in command_line.run("connect", "--tokens", typed=answers).stdout
    database = command_line.database()
    with WhoopSession(Settings.from_environment(), database) as connection:
        now = database.clock.now()
        load_members(connection, LoadRequest("cycles", TODAY, TODAY, TODAY, now, now))
    database.close()
    for command in ("members", "plan"):
        assert advice in command_line.run(command).stdout
    assert members_json(command_line)[0]["timezone_to_set"] == "Pacific/Auckland"
    assert json.loads(command_line.run("plan", "--json").stdout)["timezone_to_set"] == "Pacific/Auckland"
    check = timezone_covers_members.body(dg.build_asset_check_context(), WhoopResource())
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert check.description is not None and advice in check.description

    command_line.environment.setenv("WHOOP_TIMEZONE", "Pacific/Auckland")
    for command in ("members", "plan"):
        assert "WHOOP_TIMEZONE" not in command_line.run(command).stdout
    assert members_json(command_line)[0]["timezone_to_set"] is None
    assert timezone_covers_members.body(dg.build_asset_check_context(), WhoopResource()).passed
