"""Runs a command that ends with the process that started it, also if that process is killed.

Standard input is a pipe that the starting process holds open. The operating system closes it with that
process. This file is started by its path and imports only the standard library, so that it starts fast.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 5.0
"""Time that the command has to end before its process group is killed."""


def run(command: list[str]) -> int:
    """Run the command to its end and return its exit status.

    SIGINT, SIGTERM and SIGHUP, and the end of the starting process, are passed on as SIGINT.
    """
    started: list[subprocess.Popen[bytes]] = []
    orphaned, interrupted = threading.Event(), threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        for process in started:
            process.send_signal(signal.SIGINT)

    # Set before the start: the command then gets the default handlers, even if a shell lets its background
    # jobs ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    # The command inherits the locks that were passed to this process: they last until the command ends.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    started.append(process)
    if interrupted.is_set():
        interrupt()  # the signal came before there was a process to pass it on to

    def end_with_parent() -> None:
        while os.read(0, 1024):
            pass
        orphaned.set()
        interrupt()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()
    status = process.wait()
    if orphaned.is_set():
        os.killpg(0, signal.SIGKILL)  # what the command may have left behind
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
