"""Reads v1 ids from an older store: a CSV file, or a table in another database. The source is never written.

The columns, with their accepted names:

    kind        sleep, workout or recovery, singular or plural; also `type` or `stream`
    v1_id       number; also `activity_v1_id` or `id`. For a recovery the cycle's id; also `cycle_id`
    sleep_id    number of a recovery's sleep; also `sleep_v1_id`
    user_id     WHOOP user id
    start, end  RFC 3339, UTC without an offset; also `start_time`, `end_time`; optional
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)
from sqlalchemy import Select, create_engine, literal_column, select, table
from sqlalchemy.exc import DBAPIError

from whoop_assets.db.database import normalise_url
from whoop_assets.errors import ConfigurationError, DatabaseError
from whoop_assets.v1_migration.store import RECOVERY, OldId
from whoop_assets.whoop_api.webhooks import STREAM_OF

Row = Mapping[str, Any]

KIND_NAMES = {name: kind for kind, stream in STREAM_OF.items() for name in (kind, stream)} | {"nap": "sleep"}
MAX_REASONS = 100
ROWS_PER_FETCH = 500


@dataclass(slots=True)
class ImportStats:
    """Number of rows read and rejected, with number and reason of the first rejected rows."""

    rows: int = 0
    rejected: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)


def _kind(name: Any) -> Any:
    return KIND_NAMES.get(str(name).strip().lower(), name)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


V1Id = Annotated[int, Field(gt=0, lt=2**63)]
Time = Annotated[datetime | None, AfterValidator(lambda moment: moment and _utc(moment))]


class OldRow(BaseModel):
    """A row of the old store. Times without an offset are in UTC."""

    kind: Annotated[Literal["sleep", "workout", "recovery"], BeforeValidator(_kind)] = Field(
        validation_alias=AliasChoices("kind", "type", "stream")
    )
    user_id: V1Id
    cycle_id: V1Id | None = None
    v1_id: V1Id | None = Field(None, validation_alias=AliasChoices("v1_id", "activity_v1_id", "id"))
    sleep_v1_id: V1Id | None = Field(None, validation_alias=AliasChoices("sleep_v1_id", "sleep_id"))
    start: Time = Field(None, validation_alias=AliasChoices("start", "start_time"))
    end: Time = Field(None, validation_alias=AliasChoices("end", "end_time"))

    @model_validator(mode="after")
    def _require_id(self) -> Self:
        if self.kind != RECOVERY:
            self.cycle_id = self.sleep_v1_id = None
        self.v1_id = self.cycle_id or self.v1_id
        if self.v1_id is None:
            raise ValueError("cycle_id is missing" if self.kind == RECOVERY else "v1_id is missing")
        return self


def csv_rows(path: Path) -> Iterator[Row]:
    """Yields the rows of a CSV file with a header line, or raises ConfigurationError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"The file {path.name} cannot be read as CSV in UTF-8 ({type(error).__name__}): name another"
            " file, or a database URL with --table."
        ) from None


def table_rows(url: str, name: str) -> tuple[str, Iterator[Row]]:
    """Opens a table of another database; `name` may contain a schema, as in `public.sleeps`.

    Returns:
        `database:table` for messages, without user, password and folder, and the rows.

    Raises:
        ConfigurationError: The URL is invalid, or its SQLite file does not exist.
        DatabaseError: The table cannot be read; raised by the rows.
    """
    try:
        address = normalise_url(url)
    except ConfigurationError:
        # The original message names the setting WHOOP_DATABASE_URL, which is not the source.
        raise ConfigurationError(
            "The source is not a database URL that can be read: write sqlite:///path/to/file.db or"
            " postgresql://user:password@host/database."
        ) from None
    file = Path(address.database or "")
    if address.get_backend_name() == "sqlite" and not file.is_file():
        raise ConfigurationError(f"There is no SQLite file {file.name}: name another file.")
    schema, _, bare_name = name.rpartition(".")
    display_name = f"{file.name}:{name}"

    def rows() -> Iterator[Row]:
        query: Select[Any] = select(literal_column("*")).select_from(table(bare_name, schema=schema or None))
        engine = create_engine(address, hide_parameters=True)
        try:
            with engine.connect().execution_options(yield_per=ROWS_PER_FETCH) as connection:
                yield from (dict(row) for row in connection.execute(query).mappings())
        except DBAPIError as error:
            raise DatabaseError(
                f"The table {display_name} cannot be read ({type(error.orig).__name__}): check the URL, the"
                " table name and the database user's rights."
            ) from None
        finally:
            engine.dispose()

    return display_name, rows()


def parse_ids(
    rows: Iterable[Row], stats: ImportStats, *, kind: str | None, user_id: int | None
) -> Iterator[OldId]:
    """Yields the id of each valid row and counts the others in `stats`.

    `kind` and `user_id` apply to rows without such a column.
    """
    for number, row in enumerate(rows, start=1):
        stats.rows += 1
        values = {name: value for name, value in row.items() if value not in (None, "")}
        if kind is not None and not values.keys() & {"kind", "type", "stream"}:
            values["kind"] = kind
        if user_id is not None:
            values.setdefault("user_id", user_id)
        try:
            parsed = OldRow.model_validate(values)
            yield OldId(
                parsed.user_id, parsed.kind, parsed.v1_id or 0, parsed.sleep_v1_id, parsed.start, parsed.end
            )
        except ValidationError as error:
            stats.rejected += 1
            if len(stats.reasons) < MAX_REASONS:
                details = error.errors(include_input=False, include_url=False)[0]
                stats.reasons.append((number, ": ".join((*map(str, details["loc"]), details["msg"]))))
