"""Copies all tables into another database, SQLite or PostgreSQL, and compares them before the commit.

One transaction writes the target, and both databases are locked for other writers. A copy that is killed
leaves the target empty; start the same copy again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from whoop_assets import schema
from whoop_assets.db.database import Database
from whoop_assets.db.statements import add_rows
from whoop_assets.errors import CopyRefused, DatabaseError, SchemaMismatch
from whoop_assets.schema import metadata
from whoop_assets.tokens.cipher import key_file

ROWS_PER_BATCH = 1_000
"""Rows in memory at a time: a few megabytes, because a record includes its payload."""

MAX_LOCK_WAIT = "10s"
"""How long PostgreSQL waits for other writers. SQLite waits for a minute."""

_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Number of rows of a table, and a hash that depends neither on their order nor on the kind of database.

    The hash is the sum of the SHA-256 of each row's values, modulo 2^256. With XOR, two equal rows would
    cancel out.
    """

    rows: int = 0
    total: int = 0

    @property
    def hash(self) -> str:
        """The hash as 64 hexadecimal digits."""
        return self.total.to_bytes(_HASH_SIZE, "big").hex()

    def plus(self, rows: Sequence[dict[str, Any]]) -> "Fingerprint":
        """Return the fingerprint with these rows added. Their times must be aware and in UTC."""
        total = self.total
        for row in rows:
            digest = hashlib.sha256(repr(tuple(row.values())).encode("utf-8", "surrogatepass")).digest()
            total += int.from_bytes(digest, "big")
        return Fingerprint(self.rows + len(rows), total % (1 << (8 * _HASH_SIZE)))


@dataclass(frozen=True, slots=True)
class TableComparison:
    """Fingerprints of one table in both databases."""

    table: str
    here: Fingerprint
    there: Fingerprint

    @property
    def equal(self) -> bool:
        return self.here == self.there


def copy(source: Database, target: Database) -> list[TableComparison]:
    """Copy every table into the target, which must be empty or have only empty tables of this schema.

    Memory is bounded by ROWS_PER_BATCH.

    Returns:
        The fingerprints of each table after the copy.

    Raises:
        CopyRefused: The target has rows or is the source, another process writes, or the copied rows differ
            from the source. Nothing is left in the target.
        SchemaMismatch: The source has another schema version.
        DatabaseError: A database failed.
    """
    _require_two(source, target)
    schema.check(source)
    _prepare(target)
    with source.write() as reading, target.write() as writing:
        _lock_tables(source, reading, "share")
        _lock_tables(target, writing, "exclusive")
        _require_empty(target, writing)
        found = []
        for table in metadata.sorted_tables:
            here = _copy_table(source, reading, target, writing, table)
            _continue_numbering(writing, table)
            found.append(TableComparison(table.name, here, _fingerprint(target, writing, table)))
        if unlike := [compared.table for compared in found if not compared.equal]:
            raise CopyRefused(
                f"The copy in {target.shown} differs from {source.shown} in {', '.join(unlike)}, so nothing"
                " was kept there. Please report it; the source is unchanged."
            )
    return found


def compare(one: Database, other: Database) -> list[TableComparison]:
    """Return the fingerprints of each table in both databases. Raises SchemaMismatch and DatabaseError."""
    for database in (one, other):
        schema.check(database)
    with one.read() as here, other.read() as there:
        return [
            TableComparison(table.name, _fingerprint(one, here, table), _fingerprint(other, there, table))
            for table in metadata.sorted_tables
        ]


def key_notice(source: Database, target: Database, token_key: str) -> str:
    """Return what the user must do with the encryption key: the tokens are copied encrypted."""
    if token_key or not source.is_sqlite:
        return "The tokens are encrypted as before: keep WHOOP_TOKEN_KEY as it is."
    name = key_file(source).name
    otherwise = (
        "" if not target.is_sqlite else f", or copy it to {key_file(target).name} beside the new database"
    )
    return (
        f"The tokens are encrypted as before, with the key in the file {name} beside {source.shown}: set"
        f" WHOOP_TOKEN_KEY to what it holds{otherwise}."
    )


def _require_two(source: Database, target: Database) -> None:
    same = source.url == target.url
    if source.is_sqlite and target.is_sqlite and source.url.database and target.url.database:
        same = same or Path(source.url.database).absolute().resolve() == Path(target.url.database).resolve()
    if same:
        raise CopyRefused(f"{target.shown} is the source of the copy: name another, empty database.")


def _prepare(target: Database) -> None:
    try:
        schema.prepare(target)
    except SchemaMismatch as error:
        raise CopyRefused(
            f"{target.shown} cannot take a copy, because it is not empty ({error}) Name an empty database."
        ) from None


def _require_empty(target: Database, connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise CopyRefused(
                f"{target.shown} holds rows already, in {table.name}, and a copy would mix with them: name"
                " an empty database, or compare the two with `whoop-assets db compare --with URL`."
            )


def _lock_tables(database: Database, connection: Connection, mode: str) -> None:
    """Lock all tables against other writers until the transaction ends. SQLite has only one writer anyway."""
    if database.is_sqlite:
        return
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.format_table(table) for table in metadata.sorted_tables)
    connection.execute(text(f"set local lock_timeout = '{MAX_LOCK_WAIT}'"))
    try:
        with database.sentences():
            connection.execute(text(f"lock table {names} in {mode} mode"))
    except DatabaseError:
        raise CopyRefused(
            f"Another process writes in {database.shown}, and the copy could miss its rows: stop the"
            " service, the daemon and all runs, then try again."
        ) from None


def _copy_table(
    source: Database, reading: Connection, target: Database, writing: Connection, table: Table
) -> Fingerprint:
    found = Fingerprint()
    for rows in _batches(source, reading, table):
        found = found.plus(rows)
        try:
            with target.sentences():
                add_rows(writing, table, rows)
        except DatabaseError as error:
            if error.transient:
                raise
            raise CopyRefused(
                f"{target.shown} rejects a row of {table.name} from {source.shown} ({error}) Nothing was"
                " kept."
            ) from None
    return found


def _fingerprint(database: Database, connection: Connection, table: Table) -> Fingerprint:
    found = Fingerprint()
    for rows in _batches(database, connection, table):
        found = found.plus(rows)
    return found


def _batches(database: Database, connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """Yield all rows of the table in batches, in any order. JSON is returned as the stored text."""
    with database.sentences():
        # As an option of this statement: an option of the connection would stream all later statements too.
        result = connection.execute(select(table), execution_options={"yield_per": ROWS_PER_BATCH})
        with result:
            names = list(result.keys())
            for rows in result.partitions():
                yield [dict(zip(names, row, strict=True)) for row in rows]


def _continue_numbering(connection: Connection, table: Table) -> None:
    """Set PostgreSQL's sequence behind the copied row numbers. SQLite needs no such step."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    last = connection.scalar(select(func.max(column)))
    if last is not None:
        sequence = select(func.pg_get_serial_sequence(table.name, column.name)).scalar_subquery()
        connection.execute(select(func.setval(sequence, last)))
