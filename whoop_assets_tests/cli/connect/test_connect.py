"""Connecting a member: four ways in, and what a consent that goes wrong leaves behind: nothing."""

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
from whoop_assets.sync.session import Connection
from whoop_assets.tokens import tables
from whoop_assets.whoop_api.errors import ConsentDenied
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.cli.conftest import CommandLine, is_one_error
from whoop_assets_tests.support.fixed_time import TODAY

FOREIGN_ANSWERS = (
    "code=abc&state=of-an-earlier-tab",
    "code=abc",
    "code=abc&state=",
    "error=access_denied",
    "error=access_denied&state=of-an-earlier-tab",
    "error=server_error&error_description=x",
)
"""What a stale tab, a foreign page or a forged link sends to the redirect URI."""


def connected(command_line: CommandLine) -> list[int]:
    database = command_line.database()
    with database.read() as connection:
        found = [member.user_id for member in member_store.listed(connection, member_store.CONNECTED)]
    database.close()
    return found


@pytest.mark.slow
def test_pasting_the_redirect_connects_the_member_who_agreed(command_line: CommandLine) -> None:
    member = command_line.members[1]
    with command_line.talk("connect", "--paste") as talk:
        redirect = command_line.simulator.consent(talk.line(), member)
        status, said, _ = talk.end(redirect + "\n")
    assert status == 0
    assert f"Member {member} is connected." in said
    assert "whoop-assets backfill --from" in said
    assert connected(command_line) == [member]


@pytest.mark.slow
def test_no_browser_prints_the_url_alone_on_a_line_and_waits_for_the_redirect(
    command_line: CommandLine,
) -> None:
    with command_line.talk("connect", "--no-browser") as talk:
        url = talk.line()
        assert url.startswith(command_line.simulator.oauth_url)
        assert " " not in url
        urllib.request.urlopen(command_line.simulator.consent(url, command_line.members[0])).close()
        status, _, _ = talk.end()
    assert status == 0
    assert connected(command_line) == command_line.members[:1]


@pytest.mark.slow
def test_the_browser_is_opened_at_the_consent_page(command_line: CommandLine) -> None:
    script = "import sys; from whoop_assets.cli.demo.consent import agree; agree(sys.argv[1], 1)"
    browser = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} %s"
    with command_line.talk("connect", BROWSER=browser) as talk:
        status, said, _ = talk.end()
    assert status == 0, said
    assert connected(command_line) == command_line.members[1:]


@pytest.mark.slow
def test_a_denied_consent_stores_nothing(command_line: CommandLine) -> None:
    with command_line.talk("connect", "--paste") as talk:
        redirect = command_line.simulator.consent(talk.line(), command_line.members[0], decision="deny")
        status, _, said = talk.end(redirect + "\n")
    assert status == 1
    assert said.splitlines()[-1] == "error: The member declined on WHOOP's page: nothing was connected."
    assert connected(command_line) == []


def test_connect_refuses_the_answer_of_another_attempt_and_waits_for_its_own(
    command_line: CommandLine,
) -> None:
    member = command_line.members[0]
    callback = f"http://127.0.0.1:{command_line.callback_port}/callback"

    def browse(url: str) -> None:
        for foreign in FOREIGN_ANSWERS:
            with pytest.raises(HTTPError, match="400"):
                urllib.request.urlopen(f"{callback}?{foreign}")
        assert command_line.world.stats()["token_requests"] == 0
        urllib.request.urlopen(command_line.simulator.consent(url, member)).close()

    with Connection(Settings.from_environment(), command_line.database()) as connection:
        assert connect_by_redirect(connection, browse).user_id == member


def test_a_denial_with_the_state_of_this_attempt_ends_the_wait(command_line: CommandLine) -> None:
    member = command_line.members[0]

    def browse(url: str) -> None:
        urllib.request.urlopen(command_line.simulator.consent(url, member, decision="deny")).close()

    with (
        Connection(Settings.from_environment(), command_line.database()) as connection,
        pytest.raises(ConsentDenied),
    ):
        connect_by_redirect(connection, browse)
    assert connected(command_line) == []


@pytest.mark.slow
def test_a_wrong_client_secret_is_named_and_not_shown(command_line: CommandLine) -> None:
    with command_line.talk("connect", "--paste", WHOOP_CLIENT_SECRET="not-the-secret") as talk:
        redirect = command_line.simulator.consent(talk.line(), command_line.members[0])
        status, said, error = talk.end(redirect + "\n")
    assert status == 1
    assert "WHOOP_CLIENT_SECRET" in error.splitlines()[-1]
    assert "not-the-secret" not in said + error
    assert connected(command_line) == []


def test_without_credentials_it_says_where_to_get_them(command_line: CommandLine) -> None:
    command_line.environment.delenv("WHOOP_CLIENT_ID")
    assert "WHOOP Developer Dashboard" in is_one_error(command_line.run("connect"))


def test_a_port_in_use_is_named_with_the_ways_out(command_line: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", command_line.callback_port))
        taken.listen()
        said = is_one_error(command_line.run("connect", "--no-browser"))
    assert f"Port {command_line.callback_port}" in said
    assert "--paste" in said


@pytest.mark.parametrize(
    "uri", ["https://example.org/callback", "whoop://callback", "http://localhost:seventy/"]
)
def test_a_redirect_that_does_not_come_here_is_left_to_pasting(command_line: CommandLine, uri: str) -> None:
    command_line.environment.setenv("WHOOP_REDIRECT_URI", uri)
    assert "`whoop-assets connect --paste`" in is_one_error(command_line.run("connect", "--no-browser"))


def test_an_empty_answer_does_nothing(command_line: CommandLine) -> None:
    assert "nothing was done" in is_one_error(command_line.run("connect", "--paste", answers="\n"))


def test_two_ways_at_once_are_refused(command_line: CommandLine) -> None:
    is_one_error(command_line.run("connect", "--paste", "--tokens"), status=2)


def test_a_favicon_or_a_reload_does_not_end_the_wait(command_line: CommandLine) -> None:
    base = f"http://127.0.0.1:{command_line.callback_port}"
    with listening(f"{base}/callback", "b") as answers:
        for stray in (
            "/favicon.ico",
            "/callback",
            "/callback?fbclid=1",
            "/callback?state=b",
            "/callback?code=a&state=b&state=c",
            "/elsewhere?code=a&state=b",
        ):
            with pytest.raises(HTTPError):
                urllib.request.urlopen(base + stray)
        assert answers.empty()
        urllib.request.urlopen(f"{base}/callback?code=a&state=b").close()
        assert answers.get(timeout=60) == "/callback?code=a&state=b"


def test_a_silent_connection_does_not_block_the_redirect(command_line: CommandLine) -> None:
    base = f"http://127.0.0.1:{command_line.callback_port}"
    with (
        listening(f"{base}/callback", "b") as answers,
        socket.create_connection(("127.0.0.1", command_line.callback_port)),
    ):
        urllib.request.urlopen(f"{base}/callback?code=a&state=b", timeout=60).close()
        assert answers.get(timeout=60)


def test_a_consent_that_nobody_gives_ends_with_the_ways_out(command_line: CommandLine) -> None:
    shown: list[str] = []
    with Connection(Settings.from_environment(), command_line.database()) as connection:
        with pytest.raises(NoConsentInTime, match="--paste"):
            connect_by_redirect(connection, shown.append, patience=0.05)
        assert len(shown) == 1


def test_the_port_is_free_again_afterwards(command_line: CommandLine) -> None:
    uri = f"http://127.0.0.1:{command_line.callback_port}/callback"
    for _ in range(2):
        with listening(uri, "b"), pytest.raises(ConfigurationError), listening(uri, "b"):
            pass


def test_tokens_made_elsewhere_connect_their_member(command_line: CommandLine) -> None:
    tokens = command_line.world.issue_tokens(command_line.members[0])
    result = command_line.run(
        "connect", "--tokens", answers=f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
    )
    assert result.exit_code == 0, result.output
    assert connected(command_line) == command_line.members[:1]
    assert "Left out" not in result.stdout
    assert tokens["access_token"] not in result.output
    assert tokens["refresh_token"] not in result.output


def test_what_tokens_made_elsewhere_may_read_is_found_out(command_line: CommandLine) -> None:
    scopes = [scope for scope in SCOPES if scope not in ("read:sleep", "read:body_measurement")]
    tokens = command_line.world.issue_tokens(command_line.members[0], scopes)
    result = command_line.run(
        "connect", "--tokens", answers=f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
    )
    assert "Left out: sleeps" in result.stdout
    assert "Left out: body_measurement" in result.stdout
    assert "Left out: workouts" not in result.stdout
    database = command_line.database()
    with database.read() as connection:
        assert member_store.listed(connection)[0].scopes == frozenset(scopes)
    database.close()


def test_an_access_token_that_has_ended_is_renewed_with_the_refresh_token(command_line: CommandLine) -> None:
    tokens = command_line.world.issue_tokens(command_line.members[0])
    command_line.world.expire_tokens(command_line.members[0])
    result = command_line.run(
        "connect", "--tokens", answers=f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
    )
    assert result.exit_code == 0, result.output
    assert connected(command_line) == command_line.members[:1]


def test_a_refresh_token_that_whoop_refuses_connects_nobody(command_line: CommandLine) -> None:
    tokens = command_line.world.issue_tokens(command_line.members[0])
    said = is_one_error(
        command_line.run("connect", "--tokens", answers=f"{tokens['access_token']}\nnever-issued\n")
    )
    assert "WHOOP does not accept the refresh token" in said
    assert connected(command_line) == []


def test_a_key_that_cannot_be_used_is_found_before_any_token_is_spent(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_TOKEN_KEY", "rubbish")
    tokens = command_line.world.issue_tokens(command_line.members[0])
    said = is_one_error(
        command_line.run(
            "connect", "--tokens", answers=f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
        )
    )
    assert "WHOOP_TOKEN_KEY" in said
    assert command_line.world.stats()["token_requests"] == 0


def test_tokens_of_two_members_connect_neither(command_line: CommandLine) -> None:
    one, other = (command_line.world.issue_tokens(member) for member in command_line.members)
    said = is_one_error(
        command_line.run("connect", "--tokens", answers=f"{one['access_token']}\n{other['refresh_token']}\n")
    )
    assert "belong to two members: nothing was stored" in said
    assert connected(command_line) == []


def test_a_given_refresh_token_is_exchanged_so_that_the_stored_pair_is_ours_alone(
    command_line: CommandLine,
) -> None:
    command_line.connect(command_line.members[0])
    assert command_line.world.stats()["refreshes"] == 1
    assert command_line.run("backfill", "--from", str(TODAY), "--to", str(TODAY)).exit_code == 0
    assert command_line.world.stats()["refreshes"] == 1


def test_a_start_date_to_come_suggests_no_backfill_that_would_be_refused(command_line: CommandLine) -> None:
    command_line.environment.setenv("WHOOP_START_DATE", "2999-01-01")
    tokens = command_line.world.issue_tokens(command_line.members[0])
    said = command_line.run(
        "connect", "--tokens", answers=f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
    )
    assert said.exit_code == 0
    assert "whoop-assets backfill" not in said.stdout
    assert "WHOOP_START_DATE" in said.stdout


def test_tokens_that_whoop_does_not_know_connect_nobody(command_line: CommandLine) -> None:
    said = is_one_error(command_line.run("connect", "--tokens", answers="never-issued\nnor-this\n"))
    assert "never-issued" not in said
    assert connected(command_line) == []


def test_connecting_again_does_not_make_a_second_member(command_line: CommandLine) -> None:
    for _ in range(2):
        command_line.connect(command_line.members[0])
    database = command_line.database()
    with database.read() as connection:
        assert len(connection.execute(tables.tokens.select()).all()) == 1
    database.close()
    assert connected(command_line) == command_line.members[:1]
