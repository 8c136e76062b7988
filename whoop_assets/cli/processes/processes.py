"""Child processes, each in its own process group. They end with the command, also if it is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from whoop_assets.cli.processes import supervised
from whoop_assets.cli.processes.supervised import GRACE_SECONDS
from whoop_assets.errors import ConfigurationError

_POLL_SECONDS = 0.25


class InUse(ConfigurationError):
    """Another process holds the lock."""


@contextmanager
def child(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: IO[bytes] | None = None,
    locks: Sequence[int] = (),
    grace_seconds: float = GRACE_SECONDS,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the command while the block lasts, under a supervisor that notices the death of this process.

    Args:
        command: The program and its arguments.
        environment: Its environment; by default that of this process.
        folder: Its working folder.
        output: Where its output goes; by default where that of this process goes.
        locks: File descriptors of locks that last until the command has ended, also if this process is
            killed.
        grace_seconds: Time that the command has to end before it is killed.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", supervised.__file__, *command],
        env=None if environment is None else dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,  # the supervisor ends when this end of the pipe is closed
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        pass_fds=locks,
        # A Ctrl-C reaches this process alone, which ends the children in its own order.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end(process, within=grace_seconds)
        if process.stdin is not None:
            process.stdin.close()


def end(
    *processes: "subprocess.Popen[bytes]", within: float = GRACE_SECONDS
) -> "list[subprocess.Popen[bytes]]":
    """Interrupt all processes at once.

    Kill those that have not ended after `within` seconds, with their children, and return them.
    """
    killed = []
    deadline = time.monotonic() + within
    for process in processes:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            killed.append(process)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return killed


def first_to_end(*processes: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
    """Wait until the first of the processes has ended, and return it."""
    while True:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
                return process


@contextmanager
def held(lock: Path, what: str) -> Iterator[int]:
    """Hold a lock file for this process and the children that get its file descriptor, which is returned.

    Args:
        lock: The file; it names the process that holds it.
        what: Name of the locked thing, for the error.

    Raises:
        InUse: Another process holds it.
    """
    import fcntl  # not on Windows, where the other commands work

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InUse(
                f"Another `demo` or `dev` (process {holder}, or what it started) uses {what}: end it first,"
                " then run this again."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that children end with this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
