"""The command line with a running simulator, a SQLite file, and settings in the environment."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from whoop_assets.cli import main
from whoop_assets.cli.processes.ports import free_port
from whoop_assets.db.database import Database
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World


@dataclass
class CommandLine:
    """Runs `whoop-assets` in this process, or as a separate process for interaction."""

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

    def run(self, *arguments: str, typed: str = "") -> Result:
        """Runs a command to its end; `typed` is its standard input."""
        result = CliRunner().invoke(main, list(arguments), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def connect(self, user_id: int) -> None:
        """Connects a member with tokens from the simulator."""
        result = self.connect_with(self.world.issue_tokens(user_id))
        assert result.exit_code == 0, result.output

    def connect_with(self, tokens: Mapping[str, Any]) -> Result:
        """Runs `connect --tokens` and types these tokens."""
        typed = f"{tokens['access_token']}\n{tokens['refresh_token']}\n"
        return self.run("connect", "--tokens", typed=typed)

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator["RunningCommand"]:
        """Starts a command as a process, which ends with the block."""
        process = subprocess.Popen(
            [sys.executable, "-m", "whoop_assets.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        try:
            yield RunningCommand(process)
        finally:
            process.kill()
            process.communicate()

    def database(self) -> Database:
        return Database(self.database_url)


class RunningCommand:
    """A running command with its standard input and output."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._stdout: IO[str] = process.stdout  # type: ignore[assignment]

    def line(self) -> str:
        return self._stdout.readline().rstrip("\n")

    def end(self, typed: str = "") -> tuple[int, str, str]:
        """Waits for the end; returns the exit status, the rest of stdout, and stderr."""
        stdout, stderr = self.process.communicate(typed, timeout=120)
        return self.process.returncode, stdout, stderr


@pytest.fixture
def command_line(
    simulator: Callable[..., RunningSimulator], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line with a simulator of two members and two weeks of data; no member is connected."""
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


def error_of(result: Result, status: int = 1) -> str:
    """Asserts that the command failed with one error line on stderr; returns that line."""
    assert result.exit_code == status, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors == result.stderr.splitlines()[-1:], result.stderr
    assert "Traceback" not in result.output
    return errors[0]
