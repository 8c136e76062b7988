"""Opens the database, and its transactions and clock."""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from whoop_assets.clock import Clock, SystemClock
from whoop_assets.db.write_lock import WriteLockQueue
from whoop_assets.errors import ConfigurationError, DatabaseError, DatabaseUnreachable

_ADVISORY_CLASS = 0x57484F4F  # "WHOO": the namespace of this package's advisory locks
_TRANSIENT_CODES = ("25006", "57P", "53", "40")
"""Prefixes of SQLSTATEs: read-only (during a failover), shutdown or startup, out of resources, serialization
failure or deadlock victim."""
_MAX_WAL_ATTEMPTS, _WAL_PAUSE_SECONDS = 100, 0.05
MAX_LOCK_WAIT_SECONDS = 60
"""Upper bound on the wait for another process's lock, on both databases."""
_CONNECTION_ARGUMENTS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Arguments of psycopg2: a server that no longer answers is an error within about a minute."""
_BUDGET_LOCK, _SCHEMA_LOCK = -1, -2  # a member's lock is the member's id, which is not negative

Transaction = Connection
"""The result of `read` and `write`, for modules that pass it on and use no SQL."""


def normalise_url(text_url: str, named: str = "WHOOP_DATABASE_URL") -> URL:
    """Return the URL with an explicit driver. Every spelling of PostgreSQL uses psycopg2.

    SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3, which is not installed.

    Args:
        text_url: The address.
        named: The setting or option that holds it, for the message.

    Raises:
        ConfigurationError: It is neither SQLite nor PostgreSQL.
    """
    try:
        url = make_url(text_url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"{named} is not a database URL: write sqlite:///path/to/file.db or"
            " postgresql://user:password@host/database."
        ) from None
    dialect = url.drivername.split("+")[0]
    if dialect in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg2")
    if dialect == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(
        f"{named} names {dialect!r}, which is not supported: use sqlite:// or postgresql://."
    )


class Database:
    """An engine, its clock, and two kinds of transaction: `read` (a snapshot) and `write` (serialized)."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        *,
        durable: bool = False,
        create: bool = True,
        named: str = "WHOOP_DATABASE_URL",
    ) -> None:
        """Open the database.

        Args:
            url: The address.
            clock: The time source; this machine's clock by default.
            durable: Commits on SQLite survive a power failure. Each commit then waits for the disk.
            create: Create a missing SQLite file and its folder.
            named: The setting or option that holds the address, for messages.

        Raises:
            ConfigurationError: The URL is not usable, or the file is missing and `create` is False.
        """
        self.url = normalise_url(url, named)
        self._named = named
        self._durable = durable
        self._create = create
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._write_lock_queue: WriteLockQueue | None = None
        self.engine = self._create_engine()

    def _begin_sqlite(self, connection: Connection) -> None:
        if not connection.get_execution_options().get("whoop_write", False):
            connection.exec_driver_sql("BEGIN")
            return
        with self._write_lock_queue.turn() if self._write_lock_queue is not None else nullcontext():
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _create_engine(self) -> Engine:
        if self.is_sqlite:
            if self.path is not None and not self._create and not self.path.exists():
                raise ConfigurationError(
                    f"There is no database at {self.path}: correct {self._named}, or create the database with"
                    " `whoop-assets connect`, `whoop-assets import` or `whoop-assets db upgrade`."
                )
            if self.path is not None:
                _make_folder(self.path.parent, self._named)
                with suppress(OSError):  # SQLite's own error is clearer
                    # Health data: only the owner can read the file. SQLite gives its -wal and -shm files the
                    # same mode.
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            engine = create_engine(
                self.url,
                connect_args={"timeout": MAX_LOCK_WAIT_SECONDS, "check_same_thread": False},
                hide_parameters=True,
            )
            event.listen(engine, "connect", _prepare_sqlite)
            if self._durable:
                event.listen(engine, "connect", _make_durable)
            if self.path is not None:
                self._write_lock_queue = WriteLockQueue(self.path)
            event.listen(engine, "begin", self._begin_sqlite)
            return engine
        try:
            # They would replace the same arguments of the URL.
            given = self.url.query
            arguments = {name: value for name, value in _CONNECTION_ARGUMENTS.items() if name not in given}
            return create_engine(self.url, pool_pre_ping=True, connect_args=arguments, hide_parameters=True)
        except NoSuchModuleError as error:  # pragma: no cover - psycopg2 is a dependency
            raise ConfigurationError("psycopg2 is not installed: install whoop-assets again.") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Begin a transaction that sees one snapshot of the database."""
        with self._connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, members: Iterable[int] = ()) -> Iterator[Connection]:
        """Begin a transaction that has exclusive write access to these members' records.

        SQLite has one writer at a time. PostgreSQL takes one advisory lock per member, in ascending order, so
        that two transactions cannot deadlock. A wait for a lock ends after `MAX_LOCK_WAIT_SECONDS` with
        DatabaseUnreachable, unless the address sets another `lock_timeout`.
        """
        with self._connect() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(whoop_write=True)
            with connection.begin():
                if not self.is_sqlite:
                    _limit_lock_wait(connection)
                    for key in sorted({user_id & 0x7FFFFFFF for user_id in members}):
                        _advisory_lock(connection, key)
                yield connection

    @contextmanager
    def write_budget(self) -> Iterator[Connection]:
        """Begin a transaction with exclusive access to the request budget."""
        with self.write() as connection:
            if not self.is_sqlite:
                _advisory_lock(connection, _BUDGET_LOCK)
            yield connection

    @contextmanager
    def write_schema(self) -> Iterator[Connection]:
        """Begin a transaction with exclusive access to the schema."""
        with self.write() as connection:
            if not self.is_sqlite:
                _advisory_lock(connection, _SCHEMA_LOCK)
            yield connection

    def now(self, connection: Connection) -> datetime:
        """Return the time of the clock that all processes share.

        It is the database server's clock, or this machine's on SQLite.

        A test's manual clock replaces it.
        """
        if self.is_sqlite or not isinstance(self.clock, SystemClock):
            return self.clock.now()
        moment: datetime = connection.scalar(text("select clock_timestamp()"))
        return moment.astimezone(UTC)

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on PostgreSQL and for an in-memory database."""
        if not self.is_sqlite or self.url.database in (None, "", ":memory:"):
            return None
        return Path(self.url.database).absolute()

    def compact(self, tables: Iterable[str]) -> bool:
        """Remove deleted rows physically from the files of these tables; on SQLite of all tables.

        Returns:
            False if another process's transaction still reads the old state (SQLite only).
        """
        if self.path is not None:
            return compact_sqlite(self.path)
        if not self.is_sqlite:
            with self._connect() as connection:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                for table in tables:
                    connection.execute(text(f'vacuum "{table}"'))
        return True

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            what = f"check {self._named} and that the server is running."
            if self.is_sqlite:
                what = f"check that {self._named} names a SQLite database, and its permissions."
            raise DatabaseUnreachable(
                f"The database {self.shown} does not answer ({type(error.orig).__name__}): {what}"
            ) from None
        with connection, self.sentences():
            yield connection

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Convert errors of the driver to DatabaseError."""
        # Neither statement nor cause is passed on: both may quote values, such as names and tokens.
        try:
            yield
        except DBAPIError as error:
            transient = error.connection_invalidated or isinstance(error, OperationalError)
            raise self._database_error(error.orig, transient) from None

    def _database_error(self, cause: BaseException | None, transient: bool) -> DatabaseError:
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "pgcode", None) or "no code"
        what = f"{type(cause).__name__}, {code}"
        if transient or (len(code) == 5 and code.startswith(_TRANSIENT_CODES)):
            return DatabaseUnreachable(
                f"The database {self.shown} failed during a transaction ({what}), which was rolled back:"
                " check that the server is running and writable, that its disk has space and that nothing"
                " else locks it, then try again."
            )
        return DatabaseError(
            f"The database {self.shown} rejected a statement ({what}); the transaction was rolled back."
            " This is a fault of whoop-assets: please report it with this code."
        )

    @property
    def shown(self) -> str:
        """The address without user and password, for messages."""
        if self.is_sqlite:
            return f"sqlite:///{self.path or ':memory:'}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"postgresql://{self.url.host or 'localhost'}{port}/{self.url.database or ''}"


def _make_folder(folder: Path, named: str) -> None:
    try:
        # Health data: only the owner can read a new folder.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} for the database cannot be created ({type(error).__name__}): check"
            f" {named} and the permissions there."
        ) from None


def compact_sqlite(path: Path, timeout: float = 60.0) -> bool:
    """Rewrite a SQLite file so that neither it nor its write-ahead log holds deleted rows.

    Args:
        path: The file.
        timeout: Seconds to wait for other transactions.

    Returns:
        False if another process uses the file.
    """
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError:
            return False
    return not busy


def _limit_lock_wait(connection: Connection) -> None:
    # Not an option of the connection: poolers refuse it, or pass it on to another program.
    connection.execute(
        text("select set_config('lock_timeout', :limit, true) where current_setting('lock_timeout') = '0'"),
        {"limit": f"{MAX_LOCK_WAIT_SECONDS}s"},
    )


def _advisory_lock(connection: Connection, key: int) -> None:
    connection.execute(
        text("select pg_advisory_xact_lock(:class, :key)"), {"class": _ADVISORY_CLASS, "key": key}
    )


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    # `_begin_sqlite` begins the transactions. The driver begins them late: a read that turns into a write
    # then fails if another process has written meanwhile.
    dbapi_connection.isolation_level = None
    # wal_autocheckpoint: a load writes thousands of pages, and each checkpoint syncs the file.
    # secure_delete: overwrites deleted rows with zeros, so that no erased member remains in the file.
    for pragma in (
        f"busy_timeout={MAX_LOCK_WAIT_SECONDS * 1000}",
        "synchronous=NORMAL",
        "wal_autocheckpoint=4000",
        "secure_delete=ON",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")
    for attempt in range(1, _MAX_WAL_ATTEMPTS + 1):
        try:
            dbapi_connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            # Another process is switching the new file to WAL. busy_timeout does not apply to this statement.
            if attempt == _MAX_WAL_ATTEMPTS:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)


def _make_durable(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.execute("PRAGMA synchronous=FULL")
