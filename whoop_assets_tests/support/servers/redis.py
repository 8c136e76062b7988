"""A temporary Redis server for the tests, on the loopback address, with a password and its own data folder.

WHOOP_TESTS_REDIS names the program; otherwise it is searched on the path, or installed with apt.
"""

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotReachable

from whoop_assets.cli.processes.ports import free_port
from whoop_assets_tests.support.servers.programs import require_program

PROGRAM = "redis-server"
LOOPBACK = "127.0.0.1"
MAX_START_SECONDS = 120.0


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Runs a server during the block; yields its URL with password.

    Without Redis the test is skipped, in CI it fails.
    """
    program = require_program([PROGRAM], PROGRAM, "WHOOP_TESTS_REDIS")
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
    deadline = time.monotonic() + MAX_START_SECONDS
    while True:
        try:
            client.ping()
        except NotReachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
