"""Child processes end with the command that started them, and a lock prevents a second start."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whoop_assets.cli.processes.processes import child, end, held
from whoop_assets.errors import ConfigurationError
from whoop_assets_tests.support.waiting import wait_until

COMMAND = """
import os, pathlib, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if "ignore-interrupt" in sys.argv:
    import signal
    signal.signal(signal.SIGINT, signal.SIG_IGN)
path = pathlib.Path(sys.argv[1])
path.with_suffix(".new").write_text(f"{os.getpid()} {grandchild.pid}")
path.with_suffix(".new").rename(path)
time.sleep(600)
"""
STARTER = """
import pathlib, sys, time
from whoop_assets.cli.processes.processes import child, held
with held(pathlib.Path(sys.argv[2]), "the test") as lock, child(sys.argv[3:], locks=[lock]):
    time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """Returns whether the process runs; a zombie process does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def command(pids: Path, *options: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, str(pids), *options]


def wait_for_pids(path: Path) -> list[int]:
    wait_until(path.exists, "the command to start")
    return [int(pid) for pid in path.read_text().split()]


@pytest.fixture
def starter(tmp_path: Path):
    """Returns a function that starts a process, which holds a lock and runs the command as its child."""
    processes = []

    def start(*options: str) -> "subprocess.Popen[bytes]":
        arguments = ["-c", STARTER, "x", str(tmp_path / "lock"), *command(tmp_path / "pids", *options)]
        processes.append(subprocess.Popen([sys.executable, *arguments]))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_child_and_grandchild_end_when_their_starter_is_killed(
    starter: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    process = starter()
    pids = wait_for_pids(tmp_path / "pids")
    with (
        pytest.raises(ConfigurationError, match=rf"process {process.pid}.*end it first"),
        held(tmp_path / "lock", "the test"),
    ):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(map(is_running, pids)), "child and grandchild to end")

    def lock_is_free() -> bool:
        try:
            with held(tmp_path / "lock", "the test"):
                return True
        except ConfigurationError:
            return False

    wait_until(lock_is_free, "the lock to be free")


@pytest.mark.slow
def test_the_lock_is_held_until_the_child_of_a_killed_starter_ends(
    starter: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    process = starter("ignore-interrupt")
    pids = wait_for_pids(tmp_path / "pids")
    process.send_signal(signal.SIGKILL)
    process.wait()
    if any(map(is_running, pids)):  # The supervisor waits for the child, which ignores the interrupt.
        with pytest.raises(ConfigurationError, match="end it first"), held(tmp_path / "lock", "the test"):
            pass
    wait_until(lambda: not any(map(is_running, pids)), "the child to be killed")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the supervisor in /proc")
def test_the_lock_is_held_while_the_command_runs_without_its_supervisor(
    starter: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    process = starter()
    pid, grandchild = wait_for_pids(tmp_path / "pids")
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    for number in (supervisor, process.pid):
        os.kill(number, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not is_running(supervisor), "the supervisor to end")
    try:
        with pytest.raises(ConfigurationError, match="end it first"), held(tmp_path / "lock", "the test"):
            pass
    finally:
        for number in (pid, grandchild):
            os.kill(number, signal.SIGKILL)


@pytest.mark.slow
def test_children_that_ignore_the_interrupt_are_killed(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "other"]
    with child(command(files[0], "ignore-interrupt")) as first, child(command(files[1])) as second:
        pids = [pid for file in files for pid in wait_for_pids(file)]
        assert end(first, second, within=0.5) == [first]
        assert first.returncode is not None
        assert second.returncode is not None
        wait_until(lambda: not any(map(is_running, pids)), "all of them to end")


@pytest.mark.slow
def test_a_child_returns_its_exit_status_and_output(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("wb") as log,
        child([sys.executable, "-c", "import sys; print('hello'); sys.exit(7)"], output=log) as process,
    ):
        assert process.wait() == 7
    assert (tmp_path / "log").read_text() == "hello\n"
