"""Integrity report of the imported v1 ids: compares each mapped id with its record as it is stored now."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from whoop_assets.quality.consistency import MAX_EXAMPLES, Example, Findings
from whoop_assets.records.tables import recoveries, sleeps, workouts
from whoop_assets.v1_migration.store import (
    FOUND,
    KINDS,
    MAPPED,
    NOT_FOUND,
    OPEN,
    RECOVERY,
    SLEEP,
    TOLERANCE,
    UNMAPPED,
    WAYS,
    WORKOUT,
)
from whoop_assets.v1_migration.tables import v1_ids

LOG_COLUMNS = (*v1_ids.columns.keys(), "contradiction")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of the log, compared with its record.

    `doubles`: this is the second id of its kind that is mapped to the record. `contradicting`: how the old
    store differs from the record.
    """

    row: Row[Any]
    not_stored: bool
    doubles: bool
    contradicting: str | None

    @property
    def problem(self) -> str | None:
        """Why the id needs attention."""
        if self.row.state != MAPPED:
            return self.row.reason or "not decided yet: run `whoop-assets migrate-v1` again."
        return self.contradicting or ("another v1 id has the same record." if self.doubles else None)


def read_log(connection: Connection) -> Iterator[LogEntry]:
    """Yields every imported id, by member, kind and id."""
    c = v1_ids.c
    tables = {SLEEP: sleeps, WORKOUT: workouts, RECOVERY: recoveries}
    number = func.row_number().over(partition_by=(c.user_id, c.kind, c.v2_id), order_by=c.v1_id)
    columns: list[Any] = [number.label("number")]
    source: Any = v1_ids
    for kind, table in tables.items():
        key = table.c.sleep_id if kind == RECOVERY else table.c.id
        source = source.outerjoin(table, and_(key == c.v2_id, table.c.user_id == c.user_id))
        columns += [key, table.c.start_time, table.c.end_time]
    query = select(v1_ids, *columns).select_from(source).order_by(c.user_id, c.kind, c.v1_id)
    for row in connection.execute(query):
        records = {kind: row[-9:][3 * place : 3 * place + 3] for place, kind in enumerate(KINDS)}
        key, start, end = records[row.kind]
        other = {SLEEP: WORKOUT, WORKOUT: SLEEP}.get(row.kind)
        contradiction = _contradiction(("starts", row.start_time, start), ("ends", row.end_time, end))
        if other is not None and records[other][0] is not None:
            key, contradiction = records[other][0], f"the record is a {other}."
        mapped = row.state == MAPPED
        yield LogEntry(row, mapped and key is None, mapped and row.number == 2, contradiction)


def _contradiction(*times: tuple[str, datetime | None, datetime | None]) -> str | None:
    found = []
    for verb, old, new in times:
        if old is not None and new is not None and abs(old - new) > TOLERANCE:
            seconds = round(abs(old - new).total_seconds())
            found.append(f"it {verb} {seconds} s {'later' if old > new else 'earlier'} than the record")
    return f"in the old store {' and '.join(found)}." if found else None


def check_integrity(connection: Connection) -> tuple[dict[str, int], Findings]:
    """Compares every imported id with its record.

    Returns:
        The counts, and the ids that are not mapped, contradict their record, or share one. `contradicting`
        counts records with other times or of another kind, `doubles` records with more than one id of a kind,
        `not_stored` mapped ids without a stored record, `asked` responses of WHOOP, and `answered_404` the
        404 responses among them.
    """
    entries, statuses = Counter[str](), Counter[int]()
    problems = Findings(looked_at=0)
    for entry in read_log(connection):
        row = entry.row
        entries.update(("total", row.kind, row.state, f"mapped_by_{row.way}"))
        entries.update(
            {name: 1 for name in ("contradicting", "doubles", "not_stored") if getattr(entry, name)}
        )
        statuses[row.status or 0] += 1
        if entry.problem is not None:
            problems.count += 1
            if len(problems.examples) < MAX_EXAMPLES:
                example = f"{row.kind} {row.v1_id}: {entry.problem}"
                problems.examples.append(Example(row.user_id, None, example))
    names = ("total", *KINDS, MAPPED, *(f"mapped_by_{way}" for way in WAYS), UNMAPPED, OPEN)
    counts = {name: entries[name] for name in (*names, "contradicting", "doubles", "not_stored")}
    problems.looked_at = counts["total"]
    counts |= {"asked": statuses[FOUND] + statuses[NOT_FOUND], "answered_404": statuses[NOT_FOUND]}
    return counts, problems


def log_rows(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Yields every row of the log, with the values of `LOG_COLUMNS`."""
    for entry in read_log(connection):
        yield (*entry.row[: len(v1_ids.columns)], entry.contradicting)
