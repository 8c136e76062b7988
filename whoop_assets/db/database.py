"""One door to the database: opening it, its transactions, its clock."""

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
from whoop_assets.db.write_lock import Turns
from whoop_assets.errors import ConfigurationError, DatabaseError, DatabaseUnreachable

_ADVISORY_CLASS = 0x57484F4F  # "WHOO": the namespace of this package's advisory locks
_PASSING = ("25006", "57P", "53", "40")
"""SQLSTATEs: read-only (a failover is under way), shut down or starting, out of resources, undone for another's sake."""
_WAL_TRIES, _WAL_PAUSE = 100, 0.05
_BUDGET_LOCK, _SCHEMA_LOCK = -1, -2  # members' locks are their ids, which are not negative


Transaction = Connection
"""What `read` and `write` give, for rooms that hand it on and speak no SQL themselves."""


def normalise_url(text_url: str, named: str = "WHOOP_DATABASE_URL") -> URL:
    """The URL with its driver named: any spelling of PostgreSQL goes to psycopg2.

    SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3, which is not installed here. Raises
    ConfigurationError for what is neither SQLite nor PostgreSQL, which says where it was `named`.
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
    """An engine, its clock, and the two kinds of transaction: `read` (a snapshot) and `write` (serialized)."""

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
            url: Its address.
            clock: The clock of all processes; by default that of this machine.
            durable: On SQLite too, what is committed outlives a power cut. Each commit then waits for the disk.
            create: Make a SQLite file, and its folder, that do not exist.
            named: The setting or option that gave the address, for messages.

        Raises:
            ConfigurationError: The URL is none, or there is no file and `create` is False.
        """
        self.url = normalise_url(url, named)
        self._named = named
        self._durable = durable
        self._create = create
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._turns: Turns | None = None
        self.engine = self._create_engine()

    def _begin_sqlite(self, connection: Connection) -> None:
        # Handed to the driver itself: some transactions are as short as one statement, and come before every request.
        begin = connection.connection.driver_connection.execute  # type: ignore[union-attr]
        if not connection.get_execution_options().get("whoop_write", False):
            begin("BEGIN")
            return
        with self._turns.turn() if self._turns is not None else nullcontext():
            begin("BEGIN IMMEDIATE")

    def _create_engine(self) -> Engine:
        if self.is_sqlite:
            if self.path is not None and not self._create and not self.path.exists():
                raise ConfigurationError(
                    f"There is no database at {self.path}: correct {self._named}, or make the database with"
                    " `whoop-assets connect`, `whoop-assets import` or `whoop-assets db upgrade`."
                )
            if self.path is not None:
                _make_folder(self.path.parent, self._named)
                with suppress(OSError):  # SQLite's own error names the cause better
                    # The rows are about people. SQLite gives its -wal and -shm files the mode of this one.
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            arguments = {"timeout": 60, "check_same_thread": False}
            engine = create_engine(self.url, connect_args=arguments, hide_parameters=True)
            event.listen(engine, "connect", _prepare_sqlite)
            if self._durable:
                event.listen(engine, "connect", _wait_for_the_disk)
            if self.path is not None:
                self._turns = Turns(self.path)
            event.listen(engine, "begin", self._begin_sqlite)
            return engine
        try:
            arguments = {"connect_timeout": 10}
            return create_engine(self.url, pool_pre_ping=True, connect_args=arguments, hide_parameters=True)
        except NoSuchModuleError as error:  # pragma: no cover - psycopg2 is a dependency
            raise ConfigurationError("psycopg2 is not installed: install whoop-assets again.") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from beginning to end."""
        with self._connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, members: Iterable[int] = ()) -> Iterator[Connection]:
        """A transaction that alone writes the records of these members.

        SQLite has one writer at a time; PostgreSQL takes an advisory lock per member, in order, so that two
        transactions cannot wait for each other.
        """
        with self._connect() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(whoop_write=True)
            with connection.begin():
                if not self.is_sqlite:
                    for key in sorted({user_id & 0x7FFFFFFF for user_id in members}):
                        _advisory_lock(connection, key)
                yield connection

    @contextmanager
    def write_budget(self) -> Iterator[Connection]:
        """A short transaction that alone decides about requests."""
        with self.write() as connection:
            if not self.is_sqlite:
                _advisory_lock(connection, _BUDGET_LOCK)
            yield connection

    @contextmanager
    def write_schema(self) -> Iterator[Connection]:
        """A transaction that alone changes the schema."""
        with self.write() as connection:
            if not self.is_sqlite:
                _advisory_lock(connection, _SCHEMA_LOCK)
            yield connection

    def now(self, connection: Connection) -> datetime:
        """The time by the clock that all processes share: the database server's; on SQLite this machine's.

        A clock that a test moves by hand takes its place.
        """
        if self.is_sqlite or not isinstance(self.clock, SystemClock):
            return self.clock.now()
        moment: datetime = connection.scalar(text("select clock_timestamp()"))
        return moment.astimezone(UTC)

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on PostgreSQL and for a database in memory."""
        if not self.is_sqlite or self.url.database in (None, "", ":memory:"):
            return None
        return Path(self.url.database).absolute()

    def compact(self, tables: Iterable[str]) -> bool:
        """Remove what deleted rows left in the files of these tables; on SQLite of all tables.

        Returns:
            Whether it was done. On SQLite another process can be in the way: its transaction still reads the old state.
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
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            what = f"check {self._named} and that the server is running."
            if self.is_sqlite:
                what = f"check that {self._named} names a SQLite database, and who may read and write it."
            raise DatabaseUnreachable(
                f"The database {self.shown} does not answer ({type(error.orig).__name__}): {what}"
            ) from None
        with connection, self.sentences():
            yield connection

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Let what the driver raises inside become a DatabaseError of this database, where two are at work at once."""
        # Neither statement nor cause is passed on: both may quote what was to be stored, names and tokens too.
        try:
            yield
        except DBAPIError as error:
            may_pass = error.connection_invalidated or isinstance(error, OperationalError)
            raise self._refusal(error.orig, may_pass) from None
        except sqlite3.Error as error:  # of what begins a transaction, which goes past SQLAlchemy
            raise self._refusal(error, isinstance(error, sqlite3.OperationalError)) from None

    def _refusal(self, cause: BaseException | None, may_pass: bool) -> DatabaseError:
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "pgcode", None) or "no code"
        what = f"{type(cause).__name__}, {code}"
        if may_pass or _passes(code):
            return DatabaseUnreachable(
                f"The database {self.shown} failed in the middle of a transaction ({what}), which was undone: check that"
                " the server is running and can be written to, that its disk has room and that nobody else locks it, then"
                " try again."
            )
        return DatabaseError(
            f"The database {self.shown} refused a statement ({what}); the transaction was undone. This is a fault of"
            " whoop-assets: please report it with this code."
        )

    @property
    def shown(self) -> str:
        """The address without user and password, for messages."""
        if self.is_sqlite:
            return f"sqlite:///{self.path or ':memory:'}"
        return f"postgresql://{self.url.host or 'localhost'}/{self.url.database or ''}"


def _passes(code: str) -> bool:
    """Whether an SQLSTATE says that the server is in the way for now, and not the statement."""
    return code.startswith(_PASSING) and len(code) == 5


def _make_folder(folder: Path, named: str) -> None:
    try:
        # What is kept in it is about people: a new folder is its owner's alone.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} for the database cannot be made ({type(error).__name__}): check"
            f" {named} and who may write there."
        ) from None


def compact_sqlite(path: Path, timeout: float = 60.0) -> bool:
    """Rewrite a SQLite file so that neither it nor its write-ahead log holds deleted rows.

    Args:
        path: The file.
        timeout: Seconds to wait for other transactions.

    Returns:
        Whether it was done; False if another process uses the file.
    """
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError:
            return False
    return not busy


def _advisory_lock(connection: Connection, key: int) -> None:
    connection.execute(
        text("select pg_advisory_xact_lock(:class, :key)"), {"class": _ADVISORY_CLASS, "key": key}
    )


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    # Transactions are begun below, by us: the driver's own habit begins them late, and a read that turns into a
    # write then fails at once when another process has written in between.
    dbapi_connection.isolation_level = None
    # A load writes some thousand pages: the log is carried over into the file, and synced, less often than each thousand.
    # What is deleted is overwritten with zeros: an erased member is not to be found in the file.
    for pragma in (
        "busy_timeout=60000",
        "synchronous=NORMAL",
        "wal_autocheckpoint=4000",
        "secure_delete=ON",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")
    for _ in range(_WAL_TRIES):
        try:
            dbapi_connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # The one statement for which SQLite does not wait: another process is turning the new file to WAL too.
            time.sleep(_WAL_PAUSE)
        else:
            return
    dbapi_connection.execute("PRAGMA journal_mode=WAL")


def _wait_for_the_disk(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.execute("PRAGMA synchronous=FULL")
