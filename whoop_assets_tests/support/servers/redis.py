"""A temporary Redis server for the tests, on the loopback address, with a password and its own data folder.

WHOOP_TESTS_REDIS names the program; otherwise it is searched on the path, or installed with apt.
"""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotReachable

from whoop_assets.cli.processes.ports import free_port
from whoop_assets_tests.support.servers.programs import require_program
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

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
        client = Redis(host=LOOPBACK, port=port, password=password)
        wait_until(lambda: _responds(client), "Redis", MAX_START_SECONDS, SLOW_POLL_SECONDS)
        yield f"redis://:{password}@{LOOPBACK}:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _responds(client: Redis) -> bool:
    with suppress(NotReachable):
        return bool(client.ping())
    return False
