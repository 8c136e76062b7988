"""Searches all written data for secrets and personal data, in every form that encodings give them."""

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, inspect, select, table, text

SQLITE = b"SQLite format 3\0"
TABLES_WITH_NAMES = ("members", "profiles")


@dataclass
class ForbiddenValues:
    """The values to search for. Secrets are forbidden everywhere, e-mail and name outside of two tables."""

    secrets: dict[str, str] = field(default_factory=dict)
    """Description -> value."""
    personal: dict[str, str] = field(default_factory=dict)

    def everything(self) -> dict[str, str]:
        return self.secrets | self.personal


@dataclass(frozen=True)
class Found:
    """The place of a forbidden value, without the value."""

    what: str
    where: str


def forms(secret: str) -> set[bytes]:
    """Returns the secret as plain text, in JSON, in a URL, and in base64 at its three alignments."""
    raw = secret.encode()
    found = {raw, json.dumps(secret)[1:-1].encode(), quote(secret).encode(), secret.encode("utf-16-le")}
    if len(raw) >= 12:
        for shift in range(3):
            # The first and the last group depend on the neighbouring bytes.
            coded = base64.b64encode(b"\0" * shift + raw)
            found.add(coded[4:-4])
    return found


def in_bytes(content: bytes, where: str, wanted: dict[str, str]) -> Iterator[Found]:
    for what, secret in wanted.items():
        if any(form in content for form in forms(secret)):
            yield Found(what, where)


def in_folder(folder: Path, wanted: ForbiddenValues, *, leave_out: Iterable[Path] = ()) -> Iterator[Found]:
    """Searches each file of a folder as bytes, and each row of SQLite files."""
    left_out = {path.resolve() for path in leave_out}
    warehouses = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.resolve() in left_out:
            continue
        content, where = path.read_bytes(), str(path.relative_to(folder))
        if content.startswith(SQLITE):
            tables = _tables(path)
            if set(TABLES_WITH_NAMES) <= tables.keys():
                warehouses.add(path)
            for name, rows in tables.items():
                yield from in_table(name, rows, where, wanted)
        # The pages of the warehouse contain the two tables with names.
        of_warehouse = any(str(path).startswith(str(warehouse)) for warehouse in warehouses)
        yield from in_bytes(content, where, wanted.secrets if of_warehouse else wanted.everything())


def in_database(url: str, wanted: ForbiddenValues) -> Iterator[Found]:
    """Searches each row of each table of a database server."""
    engine = create_engine(url)
    with engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            rows = [tuple(row) for row in connection.execute(select(text("*")).select_from(table(name)))]
            yield from in_table(name, rows, "database", wanted)
    engine.dispose()


def in_table(
    name: str, rows: Iterable[Iterable[Any]], where: str, wanted: ForbiddenValues
) -> Iterator[Found]:
    content = "\n".join(repr(value) + "\n" + str(value) for row in rows for value in row).encode()
    allowed = name in TABLES_WITH_NAMES
    yield from in_bytes(content, f"{where}, table {name}", wanted.secrets if allowed else wanted.everything())


def _tables(path: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        names = [
            row[0]
            for row in connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        ]
        return {name: connection.execute(f"select * from {name!r}").fetchall() for name in names}  # noqa: S608
