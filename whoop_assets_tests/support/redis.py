"""A temporary Redis server for the tests, on the loopback address, with a password and its own data folder.

WHOOP_TESTS_REDIS names the program, else the path is searched; root on a machine with apt installs Debian's.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from whoop_assets.cli.processes.ports import free_port

PROGRAM = "redis-server"
LOOPBACK = "127.0.0.1"
STARTS_WITHIN = 120.0


class Missing(Exception):
    """No Redis exists, and none can be installed."""


@lru_cache(maxsize=1)
def executable() -> str:
    """The path of the server; installs Debian's if needed and allowed. Raises Missing."""
    found = os.environ.get("WHOOP_TESTS_REDIS") or shutil.which(PROGRAM)
    if found:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(
            "There is no Redis for the tests: install redis-server, or name it in WHOOP_TESTS_REDIS."
        )
    # Only one test worker may install at a time.
    with (Path(tempfile.gettempdir()) / "whoop-tests-redis.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # Do not start the service of the package.
        install = ["apt-get", "install", "-y", "--no-install-recommends", PROGRAM]
        for command in (["apt-get", "update"], install):
            if shutil.which(PROGRAM):
                break
            subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    installed = shutil.which(PROGRAM)
    if installed is None:
        raise Missing(
            "Redis could not be installed with apt-get: install redis-server by hand, or name it in"
            " WHOOP_TESTS_REDIS."
        )
    return installed


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Run a server during the block; yields its URL with password.

    Without Redis the test is skipped, in CI it fails.
    """
    try:
        program = executable()
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    port = free_port()
    password = secrets.token_hex(16)
    configuration = folder / "redis.conf"
    configuration.write_text(
        f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\nappendonly yes\ndir {folder}\nsave ""\n'
    )
    configuration.chmod(0o600)
    with (folder / "redis.log").open("wb") as output:
        process = subprocess.Popen([program, str(configuration)], stdout=output, stderr=output)
    try:
        _await(Redis(host=LOOPBACK, port=port, password=password))
        yield f"redis://:{password}@{LOOPBACK}:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _await(client: Redis) -> None:
    give_up = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            client.ping()
        except NotThere:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return
