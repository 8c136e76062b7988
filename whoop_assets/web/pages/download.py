"""A member's data as a streamed zip with one CSV file per table."""

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, select, tuple_

from whoop_assets.db.columns import metadata
from whoop_assets.db.database import Database
from whoop_assets.web.api.responses import plain

ROWS_PER_CHUNK = 1000
NOT_THE_MEMBERS_DATA = frozenset(
    {"tokens", "member_sessions", "sign_in_links", "sign_in_attempts", "reader_members"}
)
"""Tables with a `user_id` that hold secrets or access rights, not data about the member."""


class _Pipe(io.RawIOBase):
    """A file that buffers written bytes until `take` returns them. It cannot seek, so zipfile streams."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data, self._chunks = b"".join(self._chunks), []
        return data


def downloaded_tables() -> list[Table]:
    """Return the tables that a download contains."""
    return [
        table
        for table in metadata.sorted_tables
        if "user_id" in table.c and table.name not in NOT_THE_MEMBERS_DATA
    ]


def zip_of(database: Database, user_id: int) -> Iterator[bytes]:
    """Yield a zip of the member's rows piece by piece; at most ROWS_PER_CHUNK rows are in memory.

    Each chunk is read in a separate transaction, so that a slow download keeps none open.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in downloaded_tables():
            with archive.open(f"{table.name}.csv", "w") as file:
                text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
                writer = csv.writer(text)
                writer.writerow([column.name for column in table.columns])
                for rows in _chunks(database, table, user_id):
                    writer.writerows([plain(value) for value in row] for row in rows)
                    text.flush()
                    yield pipe.take()
                text.detach()
            yield pipe.take()
    yield pipe.take()


def _chunks(database: Database, table: Table, user_id: int) -> Iterator[list[Any]]:
    """Yield the member's rows by primary key, each chunk in a separate transaction."""
    keys = list(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        query = select(table).where(table.c.user_id == user_id).order_by(*keys).limit(ROWS_PER_CHUNK)
        if after is not None:
            query = query.where(tuple_(*keys) > tuple_(*after))
        with database.read() as connection:
            rows = connection.execute(query).all()
        if rows:
            yield list(rows)
        if len(rows) < ROWS_PER_CHUNK:
            return
        places = [list(table.columns).index(key) for key in keys]
        after = tuple(rows[-1][place] for place in places)
