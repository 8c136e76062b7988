"""A command line with a WHOOP behind it: a running simulator, a SQLite file, the settings in the
environment."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import pytest
from click.testing import CliRunner, Result

from whoop_assets.cli import main
from whoop_assets.cli.processes.ports import free_port
from whoop_assets.db.database import Database
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World


@dataclass
class CommandLine:
    """`whoop-assets`, run in this process, or as a process of its own when one has to talk with it."""

    simulator: RunningSimulator
    database_url: str
    callback_port: int
    environment: pytest.MonkeyPatch

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def members(self) -> list[int]:
        return self.world.user_ids

    def run(self, *arguments: str, answers: str = "") -> Result:
        """Run the command to its end; `answers` is what is typed."""
        result = CliRunner().invoke(main, list(arguments), input=answers)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def connect(self, user_id: int) -> None:
        """Connect a member with tokens, the quickest way."""
        tokens = self.world.issue_tokens(user_id)
        result = self.run(
            "connect", "--tokens", answers=f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
        )
        assert result.exit_code == 0, result.output

    @contextmanager
    def talk(self, *arguments: str, **environment: str) -> Iterator["Talk"]:
        """Start the command as a process; it is ended with the block."""
        process = subprocess.Popen(
            [sys.executable, "-m", "whoop_assets.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        try:
            yield Talk(process)
        finally:
            process.kill()
            process.communicate()

    def database(self) -> Database:
        return Database(self.database_url)


class Talk:
    """A running command: what it prints, what it is told, how it ends."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._stdout: IO[str] = process.stdout  # type: ignore[assignment]

    def line(self) -> str:
        return self._stdout.readline().rstrip("\n")

    def end(self, say: str = "") -> tuple[int, str, str]:
        """Exit status, the rest of stdout, stderr."""
        stdout, stderr = self.process.communicate(say, timeout=120)
        return self.process.returncode, stdout, stderr


@pytest.fixture
def command_line(
    simulator: Callable[..., RunningSimulator], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """One whose settings lead to two members with two weeks of data; nobody is connected yet."""
    running = simulator(members=2, days=14, seed=11, limits=False)
    port = free_port()
    for name, value in {
        "WHOOP_CLIENT_ID": running.world.app.client_id,
        "WHOOP_CLIENT_SECRET": running.world.app.client_secret,
        "WHOOP_REDIRECT_URI": f"http://127.0.0.1:{port}/callback",
        "WHOOP_API_URL": running.api_url,
        "WHOOP_OAUTH_URL": running.oauth_url,
        "WHOOP_DATABASE_URL": sqlite_url,
        "WHOOP_REQUESTS_PER_MINUTE": "100000",
    }.items():
        monkeypatch.setenv(name, value)
    return CommandLine(running, sqlite_url, port, monkeypatch)


def is_one_error(result: Result, status: int = 1) -> str:
    """Assert that the command ended with one sentence on stderr; returns it."""
    assert result.exit_code == status, result.output
    said = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert said == result.stderr.splitlines()[-1:], result.stderr
    assert "Traceback" not in result.output
    return said[0]
