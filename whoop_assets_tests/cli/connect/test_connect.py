"""Connecting a member by browser, pasted redirect or tokens; a failed consent stores nothing."""

import shlex
import socket
import sys
import urllib.request
from urllib.error import HTTPError

import pytest

from whoop_assets.cli.connect.redirect import NoConsentInTime, connect_by_redirect, listening
from whoop_assets.errors import ConfigurationError
from whoop_assets.members import store as member_store
from whoop_assets.settings import Settings
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens import tables
from whoop_assets.whoop_api.errors import ConsentDenied
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.fixed_time import TODAY

FOREIGN_QUERIES = (
    "code=abc&state=of-an-earlier-tab",
    "code=abc",
    "code=abc&state=",
    "error=access_denied",
    "error=access_denied&state=of-an-earlier-tab",
    "error=server_error&error_description=x",
)
"""Queries that an old tab, another page or a forged link sends to the redirect URI."""


def connected_members(command_line: CommandLine) -> list[int]:
    database = command_line.database()
    with database.read() as connection:
        found = [member.user_id for member in member_store.listed(connection, member_store.CONNECTED)]
    database.close()
    return found


@pytest.mark.slow
def test_a_pasted_redirect_connects_the_consenting_member(command_line: CommandLine) -> None:
    member = command_line.members[1]
    with command_line.start("connect", "--paste") as command:
        redirect = command_line.simulator.consent(command.line(), member)
        status, stdout, _ = command.end(redirect + "\n")
    assert status == 0
    assert f"Member {member} is connected." in stdout
    assert "whoop-assets backfill --from" in stdout
    assert connected_members(command_line) == [member]


@pytest.mark.slow
def test_no_browser_prints_the_consent_url_and_waits_for_the_redirect(
    command_line: CommandLine,
) -> None:
    with command_line.start("connect", "--no-browser") as command:
        url = command.line()
        assert url.startswith(command_line.simulator.oauth_url)
        assert " " not in url
        urllib.request.urlopen(command_line.simulator.consent(url, command_line.members[0])).close()
        status, _, _ = command.end()
    assert status == 0
    assert connected_members(command_line) == command_line.members[:1]


@pytest.mark.slow
def test_connect_opens_the_consent_page_in_the_browser(command_line: CommandLine) -> None:
    script = "import sys; from whoop_assets.cli.demo.consent import agree; agree(sys.argv[1], 1)"
    browser = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} %s"
    with command_line.start("connect", BROWSER=browser) as command:
        status, stdout, _ = command.end()
    assert status == 0, stdout
    assert connected_members(command_line) == command_line.members[1:]


@pytest.mark.slow
def test_a_denied_consent_stores_nothing(command_line: CommandLine) -> None:
    with command_line.start("connect", "--paste") as command:
        redirect = command_line.simulator.consent(command.line(), command_line.members[0], decision="deny")
        status, _, stderr = command.end(redirect + "\n")
    assert status == 1
    assert stderr.splitlines()[-1] == "error: The member declined on WHOOP's page: nothing was connected."
    assert connected_members(command_line) == []


def test_a_redirect_with_a_foreign_state_is_rejected_and_the_wait_continues(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    callback = f"http://127.0.0.1:{command_line.callback_port}/callback"

    def browse(url: str) -> None:
        for foreign in FOREIGN_QUERIES:
            with pytest.raises(HTTPError, match="400"):
                urllib.request.urlopen(f"{callback}?{foreign}")
        assert command_line.world.stats()["token_requests"] == 0
        urllib.request.urlopen(command_line.simulator.consent(url, member)).close()

    with WhoopSession(Settings.from_environment(), command_line.database()) as connection:
        assert connect_by_redirect(connection, browse).user_id == member


def test_a_denied_consent_ends_the_wait(command_line: CommandLine) -> None:
    member = command_line.members[0]

    def browse(url: str) -> None:
        urllib.request.urlopen(command_line.simulator.consent(url, member, decision="deny")).close()

    with (
        WhoopSession(Settings.from_environment(), command_line.database()) as connection,
        pytest.raises(ConsentDenied),
    ):
        connect_by_redirect(connection, browse)
    assert connected_members(command_line) == []


@pytest.mark.slow
def test_a_wrong_client_secret_is_reported_without_its_value(command_line: CommandLine) -> None:
    with command_line.start("connect", "--paste", WHOOP_CLIENT_SECRET="not-the-secret") as command:
        redirect = command_line.simulator.consent(command.line(), command_line.members[0])
        status, stdout, stderr = command.end(redirect + "\n")
    assert status == 1
    assert "WHOOP_CLIENT_SECRET" in stderr.splitlines()[-1]
    assert "not-the-secret" not in stdout + stderr
    assert connected_members(command_line) == []


def test_without_credentials_connect_names_the_developer_dashboard(command_line: CommandLine) -> None:
    command_line.environment.delenv("WHOOP_CLIENT_ID")
    assert "WHOOP Developer Dashboard" in error_of(command_line.run("connect"))


def test_a_port_in_use_is_named_with_the_alternative(command_line: CommandLine) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", command_line.callback_port))
        occupied.listen()
        error = error_of(command_line.run("connect", "--no-browser"))
    assert f"Port {command_line.callback_port}" in error
    assert "--paste" in error


@pytest.mark.parametrize(
    "uri", ["https://example.org/callback", "whoop://callback", "http://localhost:seventy/"]
)
def test_a_redirect_uri_of_another_machine_requires_paste(command_line: CommandLine, uri: str) -> None:
    command_line.environment.setenv("WHOOP_REDIRECT_URI", uri)
    assert "`whoop-assets connect --paste`" in error_of(command_line.run("connect", "--no-browser"))


def test_an_empty_redirect_changes_nothing(command_line: CommandLine) -> None:
    assert "nothing was done" in error_of(command_line.run("connect", "--paste", typed="\n"))


def test_two_connect_methods_at_once_are_rejected(command_line: CommandLine) -> None:
    error_of(command_line.run("connect", "--paste", "--tokens"), status=2)


def test_unrelated_requests_do_not_end_the_wait(command_line: CommandLine) -> None:
    base = f"http://127.0.0.1:{command_line.callback_port}"
    with listening(f"{base}/callback", "b") as redirects:
        for unrelated in (
            "/favicon.ico",
            "/callback",
            "/callback?fbclid=1",
            "/callback?state=b",
            "/callback?code=a&state=b&state=c",
            "/elsewhere?code=a&state=b",
        ):
            with pytest.raises(HTTPError):
                urllib.request.urlopen(base + unrelated)
        assert redirects.empty()
        urllib.request.urlopen(f"{base}/callback?code=a&state=b").close()
        assert redirects.get(timeout=60) == "/callback?code=a&state=b"


def test_an_idle_connection_does_not_block_the_redirect(command_line: CommandLine) -> None:
    base = f"http://127.0.0.1:{command_line.callback_port}"
    with (
        listening(f"{base}/callback", "b") as redirects,
        socket.create_connection(("127.0.0.1", command_line.callback_port)),
    ):
        urllib.request.urlopen(f"{base}/callback?code=a&state=b", timeout=60).close()
        assert redirects.get(timeout=60)


def test_a_missing_consent_ends_the_wait_with_the_alternative(command_line: CommandLine) -> None:
    opened: list[str] = []
    with WhoopSession(Settings.from_environment(), command_line.database()) as connection:
        with pytest.raises(NoConsentInTime, match="--paste"):
            connect_by_redirect(connection, opened.append, max_seconds=0.05)
        assert len(opened) == 1


def test_the_port_is_released_after_the_wait(command_line: CommandLine) -> None:
    uri = f"http://127.0.0.1:{command_line.callback_port}/callback"
    for _ in range(2):
        with listening(uri, "b"), pytest.raises(ConfigurationError), listening(uri, "b"):
            pass


def test_given_tokens_connect_their_member(command_line: CommandLine) -> None:
    tokens = command_line.world.issue_tokens(command_line.members[0])
    result = command_line.connect_with(tokens)
    assert result.exit_code == 0, result.output
    assert connected_members(command_line) == command_line.members[:1]
    assert "Left out" not in result.stdout
    assert tokens["access_token"] not in result.output
    assert tokens["refresh_token"] not in result.output


def test_the_scopes_of_given_tokens_are_detected(command_line: CommandLine) -> None:
    scopes = [scope for scope in SCOPES if scope not in ("read:sleep", "read:body_measurement")]
    tokens = command_line.world.issue_tokens(command_line.members[0], scopes)
    result = command_line.connect_with(tokens)
    assert "Left out: sleeps" in result.stdout
    assert "Left out: body_measurement" in result.stdout
    assert "Left out: workouts" not in result.stdout
    database = command_line.database()
    with database.read() as connection:
        assert member_store.listed(connection)[0].scopes == frozenset(scopes)
    database.close()


def test_an_expired_access_token_is_refreshed(command_line: CommandLine) -> None:
    tokens = command_line.world.issue_tokens(command_line.members[0])
    command_line.world.expire_tokens(command_line.members[0])
    result = command_line.connect_with(tokens)
    assert result.exit_code == 0, result.output
    assert connected_members(command_line) == command_line.members[:1]


def test_a_rejected_refresh_token_connects_no_member(command_line: CommandLine) -> None:
    tokens = command_line.world.issue_tokens(command_line.members[0])
    error = error_of(command_line.connect_with({**tokens, "refresh_token": "never-issued"}))
    assert "WHOOP does not accept the refresh token" in error
    assert connected_members(command_line) == []


def test_an_invalid_token_key_is_reported_before_any_token_is_exchanged(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_TOKEN_KEY", "rubbish")
    tokens = command_line.world.issue_tokens(command_line.members[0])
    assert "WHOOP_TOKEN_KEY" in error_of(command_line.connect_with(tokens))
    assert command_line.world.stats()["token_requests"] == 0


def test_tokens_of_two_members_connect_neither(command_line: CommandLine) -> None:
    first, second = (command_line.world.issue_tokens(member) for member in command_line.members)
    error = error_of(command_line.connect_with({**first, "refresh_token": second["refresh_token"]}))
    assert "belong to two members: nothing was stored" in error
    assert connected_members(command_line) == []


def test_a_given_refresh_token_is_exchanged_once(
    command_line: CommandLine,
) -> None:
    command_line.connect(command_line.members[0])
    assert command_line.world.stats()["refreshes"] == 1
    assert command_line.run("backfill", "--from", str(TODAY), "--to", str(TODAY)).exit_code == 0
    assert command_line.world.stats()["refreshes"] == 1


def test_with_a_future_start_date_connect_suggests_no_backfill(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_START_DATE", "2999-01-01")
    tokens = command_line.world.issue_tokens(command_line.members[0])
    result = command_line.connect_with(tokens)
    assert result.exit_code == 0
    assert "whoop-assets backfill" not in result.stdout
    assert "WHOOP_START_DATE" in result.stdout


def test_unknown_tokens_connect_no_member(command_line: CommandLine) -> None:
    tokens = {"access_token": "never-issued", "refresh_token": "nor-this"}
    error = error_of(command_line.connect_with(tokens))
    assert "never-issued" not in error
    assert connected_members(command_line) == []


def test_connecting_again_creates_no_second_member(command_line: CommandLine) -> None:
    for _ in range(2):
        command_line.connect(command_line.members[0])
    database = command_line.database()
    with database.read() as connection:
        assert len(connection.execute(tables.tokens.select()).all()) == 1
    database.close()
    assert connected_members(command_line) == command_line.members[:1]
