"""Rows of an old store that carry v1 ids: what their columns are called, and what in them can be understood.

kind       sleep, workout or recovery, also in the plural; also `type` or `stream`
v1_id      the number; also `activity_v1_id` or `id`. Of a recovery, which had none of its own, its cycle's: also `cycle_id`
sleep_id   of a recovery: the number of its sleep; also `sleep_v1_id`
user_id    the WHOOP user id
start, end RFC 3339; without an offset UTC; also `start_time`, `end_time`. May be missing
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from whoop_assets.errors import ConfigurationError
from whoop_assets.v1_migration.store import RECOVERY, SLEEP, WORKOUT, OldId

Row = Mapping[str, Any]

KIND_OF = {
    "sleep": SLEEP,
    "sleeps": SLEEP,
    "nap": SLEEP,
    "workout": WORKOUT,
    "workouts": WORKOUT,
    "recovery": RECOVERY,
    "recoveries": RECOVERY,
}
_KINDS, _IDS, _CYCLES = ("kind", "type", "stream"), ("v1_id", "activity_v1_id", "id"), ("cycle_id",)
_SLEEPS, _STARTS, _ENDS = ("sleep_v1_id", "sleep_id"), ("start", "start_time"), ("end", "end_time")
_LARGEST = 2**63


@dataclass(slots=True)
class Taken:
    """How many rows there were, and the numbers of those that could not be understood with the reason, the first hundred."""

    rows: int = 0
    refused: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, number: int, reason: str) -> None:
        self.refused += 1
        if len(self.reasons) < 100:
            self.reasons.append((number, reason))


class NotUnderstood(ValueError):
    """A row that says no id; the message says why and quotes nothing but the column."""


def csv_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file with a line of names; raises ConfigurationError when there is no such file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"The file {path.name} cannot be read as CSV in UTF-8 ({type(error).__name__}): name another, or a database's"
            " URL with --table."
        ) from None


def ids_of(rows: Iterable[Row], taken: Taken, *, kind: str | None, user_id: int | None) -> Iterator[OldId]:
    """The ids in the rows; `kind` and `user_id` for rows that have no such column. What is refused is noted in `taken`."""
    for number, row in enumerate(rows, start=1):
        taken.rows += 1
        try:
            yield _id_of(row, kind, user_id)
        except NotUnderstood as error:
            taken.refuse(number, str(error))


def _id_of(row: Row, kind: str | None, user_id: int | None) -> OldId:
    named = _value(row, _KINDS)
    of_kind = kind if named is None else KIND_OF.get(str(named).strip().lower())
    if of_kind is None:
        raise NotUnderstood(
            "kind is not sleep, workout or recovery" if named is not None else "kind is missing"
        )
    who = _whole(row, ("user_id",))
    who = user_id if who is None else who
    if who is None:
        raise NotUnderstood("user_id is missing")
    recovery = of_kind == RECOVERY
    v1_id = _whole(row, (*_CYCLES, *_IDS) if recovery else _IDS)
    if v1_id is None:
        raise NotUnderstood("cycle_id is missing" if recovery else "v1_id is missing")
    sleep = _whole(row, _SLEEPS) if recovery else None
    return OldId(who, of_kind, v1_id, sleep, _time(row, _STARTS), _time(row, _ENDS))


def _value(row: Row, names: Iterable[str]) -> Any:
    """What the first of these columns says that says anything."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _whole(row: Row, names: Iterable[str]) -> int | None:
    value = _value(row, names)
    if value is None:
        return None
    text = str(value).strip()
    # Tables that went through a data frame have whole numbers with a point.
    text = text.removesuffix(".0")
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) < _LARGEST):
        raise NotUnderstood(
            f"{next(name for name in names if row.get(name) not in (None, ''))} is not a number of v1"
        )
    return int(text)


def _time(row: Row, names: Iterable[str]) -> datetime | None:
    value = _value(row, names)
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstood(
            f"{next(name for name in names if row.get(name) not in (None, ''))} is not a time"
        ) from None
