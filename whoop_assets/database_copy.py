"""A warehouse as a whole into another database, of either kind: all tables or none, compared before they are committed.

One transaction writes the target, and meanwhile nobody else can write in either database. A copy that is killed leaves
an empty target behind, so there is nothing to resume: the same copy is begun again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, Text, cast, func, select, text

from whoop_assets import schema
from whoop_assets.db.bulk_insert import add_rows
from whoop_assets.db.database import Database
from whoop_assets.db.types import JsonText
from whoop_assets.errors import CopyRefused, DatabaseError, SchemaMismatch
from whoop_assets.schema import metadata
from whoop_assets.tokens.cipher import key_file

AT_ONCE = 1_000
"""Rows in memory at a time: a few megabytes, as a record has its payload with it."""

LOCK_PATIENCE = "10s"
"""How long PostgreSQL waits for those who are writing; SQLite waits for a minute."""

_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a table holds: the number of rows, and a hash that neither their order nor the kind of database changes.

    The hash is the sum, modulo 2^256, of the SHA-256 of every row's values. Two equal rows do not cancel out, as they
    would with XOR.
    """

    rows: int = 0
    total: int = 0

    @property
    def hash(self) -> str:
        """64 hexadecimal digits."""
        return self.total.to_bytes(_HASH_SIZE, "big").hex()

    def plus(self, rows: Sequence[dict[str, Any]]) -> "Fingerprint":
        """The fingerprint with these rows added; their values as Python has them, times aware and in UTC."""
        total = self.total
        for row in rows:
            digest = hashlib.sha256(repr(tuple(row.values())).encode("utf-8", "surrogatepass")).digest()
            total += int.from_bytes(digest, "big")
        return Fingerprint(self.rows + len(rows), total % (1 << (8 * _HASH_SIZE)))


@dataclass(frozen=True, slots=True)
class Compared:
    """One table on both sides."""

    table: str
    here: Fingerprint
    there: Fingerprint

    @property
    def equal(self) -> bool:
        return self.here == self.there


def copy(source: Database, target: Database) -> list[Compared]:
    """Copy every table into the target, which must be empty or have empty tables of ours; what both then hold.

    Bounded memory: AT_ONCE rows. Raises CopyRefused when the target holds rows already or is the source itself, when
    somebody writes meanwhile, and when what was read back is not what was written: nothing is left in the target then.
    Raises DatabaseError as every use of a database does, SchemaMismatch when the source is of another version.
    """
    _require_two(source, target)
    schema.check(source)
    _prepare(target)
    with source.write() as reading, target.write() as writing:
        _keep_others_out(source, reading, "share")
        _keep_others_out(target, writing, "exclusive")
        _require_empty(target, writing)
        found = []
        for table in metadata.sorted_tables:
            here = _copy_table(source, reading, target, writing, table)
            _number_on(writing, table)
            found.append(Compared(table.name, here, _fingerprint(target, writing, table)))
        if unlike := [one.table for one in found if not one.equal]:
            raise CopyRefused(
                f"What {target.shown} holds after copying is not what {source.shown} holds, in"
                f" {', '.join(unlike)}: nothing was kept there. Please report it; the source is untouched."
            )
    return found


def compare(one: Database, other: Database) -> list[Compared]:
    """What each table holds in both databases, each seen at one moment. Raises SchemaMismatch and DatabaseError."""
    for database in (one, other):
        schema.check(database)
    with one.read() as here, other.read() as there:
        return [
            Compared(table.name, _fingerprint(one, here, table), _fingerprint(other, there, table))
            for table in metadata.sorted_tables
        ]


def key_notice(source: Database, target: Database, token_key: str) -> str:
    """What must be done about the key of the tokens, which are copied as they are, encrypted."""
    if token_key or not source.is_sqlite:
        return "The tokens are encrypted as before: keep WHOOP_TOKEN_KEY as it is."
    name = key_file(source).name
    otherwise = (
        "" if not target.is_sqlite else f", or copy it to {key_file(target).name} beside the new database"
    )
    return (
        f"The tokens are encrypted as before, with the key in the file {name} beside {source.shown}: set WHOOP_TOKEN_KEY"
        f" to what it holds{otherwise}."
    )


def _require_two(source: Database, target: Database) -> None:
    same = source.url == target.url
    if source.is_sqlite and target.is_sqlite and source.url.database and target.url.database:
        same = same or Path(source.url.database).absolute().resolve() == Path(target.url.database).resolve()
    if same:
        raise CopyRefused(f"{target.shown} is the database that is to be copied: name another, an empty one.")


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
                f"{target.shown} holds rows already, in {table.name}, and a copy would mix with them: name an empty"
                " database, or compare the two with `whoop-assets db compare --with URL`."
            )


def _keep_others_out(database: Database, connection: Connection, mode: str) -> None:
    """Let nobody else write until the transaction ends. On SQLite a transaction that writes is alone anyway."""
    if database.is_sqlite:
        return
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.format_table(table) for table in metadata.sorted_tables)
    connection.execute(text(f"set local lock_timeout = '{LOCK_PATIENCE}'"))
    try:
        with database.sentences():
            connection.execute(text(f"lock table {names} in {mode} mode"))
    except DatabaseError:
        raise CopyRefused(
            f"Somebody writes in {database.shown}, and what they write could be missing in the copy: end the service, the"
            " daemon and all runs, then try again."
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
                f"{target.shown} does not take a row of {table.name} that {source.shown} holds ({error}) Nothing was kept."
            ) from None
    return found


def _fingerprint(database: Database, connection: Connection, table: Table) -> Fingerprint:
    found = Fingerprint()
    for rows in _batches(database, connection, table):
        found = found.plus(rows)
    return found


def _batches(database: Database, connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """All rows of the table, in any order, a batch at a time; a JSON document as the text that was stored."""
    columns = [
        # PostgreSQL's driver would parse it, and what is written again is not the same text.
        cast(column, Text).label(column.name) if isinstance(column.type, JsonText) else column
        for column in table.columns
    ]
    with database.sentences():
        # Of options for one statement: those of a connection stay with it, and no other may be streamed.
        result = connection.execute(select(*columns), execution_options={"yield_per": AT_ONCE})
        with result:
            names = list(result.keys())
            for rows in result.partitions():
                yield [dict(zip(names, row, strict=True)) for row in rows]


def _number_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows behind those that were copied with their numbers; SQLite does so by itself."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    last = connection.scalar(select(func.max(column)))
    if last is not None:
        sequence = select(func.pg_get_serial_sequence(table.name, column.name)).scalar_subquery()
        connection.execute(select(func.setval(sequence, last)))
