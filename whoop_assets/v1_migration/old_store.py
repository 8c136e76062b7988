"""Reads v1 ids from a CSV file of an older store. Its columns are the fields of `OldId`."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from whoop_assets.errors import ConfigurationError
from whoop_assets.v1_migration.store import OldId

_ROW = TypeAdapter(OldId)


@dataclass(slots=True)
class ImportStats:
    """Number of rows read, and the reasons of the rejected ones with their row numbers."""

    rows: int = 0
    rejected: list[str] = field(default_factory=list)


def read_ids(path: Path, stats: ImportStats) -> Iterator[OldId]:
    """Yields the id of each valid row, and counts the rows in `stats`.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for stats.rows, row in enumerate(csv.DictReader(lines), start=1):
                try:
                    yield _ROW.validate_python({name: value for name, value in row.items() if name and value})
                except ValidationError as error:
                    details = error.errors(include_input=False, include_url=False)[0]
                    reason = ": ".join((*map(str, details["loc"]), details["msg"]))
                    stats.rejected.append(f"row {stats.rows}: {reason}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path.name} cannot be read as CSV in UTF-8 ({type(error).__name__}): name another file."
        ) from None
