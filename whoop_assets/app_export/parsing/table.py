"""A file of an export as a table: which one it is, how it is written, and its rows."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from whoop_assets.app_export.parsing.headings import NEEDED, Columns, columns_of, kind_of
from whoop_assets.app_export.parsing.notation import Notation, notation_of
from whoop_assets.app_export.parsing.rows import NUMBERS, TIMES, Row

DELIMITERS = (",", ";", "\t")
_CODECS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(slots=True)
class Table:
    """A file of an export.

    Attributes:
        name: The name of the file in the export.
        kind: The English name of this kind of file; None if its headings are none of an export's.
        headings: The cells of its first line that is not blank.
        malformed: Lines with another number of cells than there are headings, or that are not CSV, each with
            the reason.
        count: Lines that are not blank, without the headings.
    """

    name: str
    kind: str | None
    headings: list[str]
    columns: Columns
    rows: list[Row] = field(default_factory=list)
    malformed: list[tuple[Row, str]] = field(default_factory=list)
    count: int = 0

    def lacks(self) -> str | None:
        """A column without which no row can be placed, if it is not there. An empty file lacks none."""
        if self.kind is None or not self.headings:
            return None
        return next((column for column in NEEDED[self.kind] if column not in self.columns.known), None)


def read_table(name: str, content: bytes) -> Table:
    """Read a file as far as it is one of an export. The rows of any other file are not read."""
    text = _text_of(content)
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings = _headings(reader)
    columns = columns_of(headings)
    table = Table(name, kind_of(columns, name), headings, columns)
    if table.kind is None or table.lacks() is not None:
        return table
    lines = list(_lines(reader, table))
    readable = [cells for _, cells, problem in lines if problem is None]
    notation = notation_of(
        (cells[key] for cells in readable for key in NUMBERS & cells.keys()),
        (cells[key] for cells in readable for key in TIMES & cells.keys()),
        delimiter=delimiter,
        english=columns.english,
    )
    for line, cells, problem in lines:
        row = Row(line, cells, _as_the_app_writes(cells, notation))
        if problem is None:
            table.rows.append(row)
        else:
            table.malformed.append((row, problem))
    return table


def _headings(reader: "Iterator[list[str]]") -> list[str]:
    """The first line that is not blank; empty if there is none, or if it is not CSV."""
    try:
        return next((cells for cells in reader if any(cell.strip() for cell in cells)), [])
    except csv.Error:
        return []


def _text_of(content: bytes) -> str:
    """The text in UTF-8, as the app writes it, or as a spreadsheet saved it."""
    for mark, codec in _CODECS:
        if content.startswith(mark):
            return content.decode(codec, "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """The character between the headings."""
    heading = text.lstrip().partition("\n")[0]
    return max(DELIMITERS, key=heading.count)


def _lines(reader: "Iterator[list[str]]", table: Table) -> Iterator[tuple[int, dict[str, str], str | None]]:
    """Yields line, cells and problem of each row that is not blank; the problem is None for most."""
    keys = table.columns.keys
    while True:
        line = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader, None)
        except csv.Error as error:
            table.count += 1
            yield line, {}, f"it is not CSV: {error}"
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        table.count += 1
        problem = None
        if any("\x00" in cell for cell in cells):
            problem = "it holds a character that no text has"
            cells = [cell.replace("\x00", "\N{REPLACEMENT CHARACTER}") for cell in cells]
        elif len(cells) < len(keys) or any(cell.strip() for cell in cells[len(keys) :]):
            problem = f"its number of cells is {len(cells)}, and that of the heading is {len(keys)}"
        else:
            cells = cells[: len(keys)]
        beyond = {f"cell {place}": cell for place, cell in enumerate(cells) if place >= len(keys)}
        yield line, dict(zip(keys, cells, strict=False)) | beyond, problem


def _as_the_app_writes(cells: dict[str, str], notation: Notation) -> dict[str, str]:
    changed = {key: notation.number(cells[key]) for key in NUMBERS & cells.keys()}
    changed |= {key: notation.time(cells[key]) for key in TIMES & cells.keys()}
    return {key: changed.get(key, text) for key, text in cells.items()}
