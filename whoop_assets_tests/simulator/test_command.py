"""`whoop-simulator serve` as a process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from whoop_simulator.cli import main
from whoop_simulator.running import Control

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "whoop_simulator", "serve"]


@contextmanager
def serving(*options: str) -> Iterator[str]:
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("whoop-simulator listening on http://127.0.0.1:")
        yield line.split()[-1]
    finally:
        process.terminate()
        rest = process.communicate(timeout=120)[0]
    assert rest == "", "one line on stdout, no more"


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)


def test_serve_prints_its_url_and_serves_the_given_world(tmp_path: Path) -> None:
    options = (
        "--members",
        "3",
        "--days",
        "20",
        "--seed",
        "5",
        "--port",
        "0",
        "--state",
        str(tmp_path / "s.json"),
    )
    with serving(*options, "--now", "2026-06-01T12:00:00Z", "--requests-per-minute", "7") as base_url:
        control = Control(base_url)
        members = control.get("members")
        assert len(members) == 3
        stats = control.get("stats")
        assert stats["now"].startswith("2026-06-01T12:0")
        assert stats["limits"]["per_minute"] == 7
        tokens = control.post("tokens/issue", user_id=members[0]["user_id"])

        port = base_url.rsplit(":", 1)[1]
        second = refused("--port", port)
        assert second.returncode == 1
        assert second.stdout == ""
        assert "cannot listen on" in second.stderr
        assert "--port" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
    with serving(*options) as base_url:
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert httpx.get(f"{base_url}/developer/v2/cycle", headers=header, timeout=60).status_code == 200
        assert Control(base_url).get("stats")["now"].startswith("2026-06-01T12:0")


def test_invalid_options_get_one_sentence(tmp_path: Path) -> None:
    for options, sentence in (
        (("--data", str(tmp_path / "none")), "is not a folder"),
        (("--members", "0"), "there can be 1 to 1000 members"),
    ):
        result = refused(*options)
        assert result.returncode == 1
        assert sentence in result.stderr
        assert "Traceback" not in result.stderr
    assert refused("--now", "yesterday").returncode == 2


def test_impossible_numbers_are_refused() -> None:
    for option, value in (
        ("--requests-per-minute", "0"),
        ("--requests-per-day", "0"),
        ("--access-token-seconds", "-1"),
        ("--refresh-token-seconds", "0"),
    ):
        result = CliRunner().invoke(main, ["serve", option, value])
        assert result.exit_code == 2
        assert f"Invalid value for '{option}'" in result.output


def test_an_unusable_state_file_gets_one_sentence(tmp_path: Path) -> None:
    half = tmp_path / "half.json"
    half.write_text('{"version": 1}')
    for file, sentence in (
        (half, "lacks world, start, clock, oauth, members: remove it to begin anew"),
        (half / "state.json", "cannot be written"),
    ):
        result = CliRunner().invoke(main, ["serve", "--port", "0", "--days", "5", "--state", str(file)])
        assert result.exit_code == 1
        assert sentence in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_the_lifetime_of_refresh_tokens_is_an_option() -> None:
    with serving("--port", "0", "--days", "5", "--refresh-token-seconds", "60") as base_url:
        control = Control(base_url)
        tokens = control.post("tokens/issue", user_id=control.get("members")[0]["user_id"])
        control.post("clock", advance_seconds=61)
        form = {
            "client_id": "whoop-simulator",
            "client_secret": "simulator-secret",
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
        }
        answer = httpx.post(f"{base_url}/oauth/oauth2/token", data=form, timeout=60)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
