"""Integrity report of the imported v1 ids: compares each mapped id with its record as it is stored now."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select

from whoop_assets.quality.consistency import MAX_EXAMPLES, Example, Findings
from whoop_assets.records.tables import recoveries, sleeps, workouts
from whoop_assets.v1_migration.store import (
    KINDS,
    MAPPED,
    OPEN,
    RECOVERY,
    SLEEP,
    TOLERANCE,
    UNMAPPED,
    WAYS,
    WORKOUT,
)
from whoop_assets.v1_migration.tables import v1_ids


def _read_log(connection: Connection) -> Iterator[tuple[Row[Any], str | None]]:
    """Yields each imported id with its record, and how the old store contradicts the record.

    A row has the columns of the log, then `record_kind`, `record_start`, `record_end`, and `place`: the
    number of the id among those that are mapped to the record.
    """
    c = v1_ids.c
    keys = {SLEEP: sleeps.c.id, WORKOUT: workouts.c.id, RECOVERY: recoveries.c.sleep_id}
    source: Any = v1_ids
    for kind, key in keys.items():
        same_kind = c.kind == RECOVERY if kind == RECOVERY else c.kind != RECOVERY
        same_member = key.table.c.user_id == c.user_id
        source = source.outerjoin(key.table, and_(key == c.v2_id, same_member, same_kind))
    query = select(
        v1_ids,
        case(*((key.is_not(None), kind) for kind, key in keys.items())).label("record_kind"),
        func.coalesce(*(key.table.c.start_time for key in keys.values())).label("record_start"),
        func.coalesce(*(key.table.c.end_time for key in keys.values())).label("record_end"),
        func.row_number().over(partition_by=(c.user_id, c.kind, c.v2_id), order_by=c.v1_id).label("place"),
    )
    for row in connection.execute(query.select_from(source).order_by(c.user_id, c.kind, c.v1_id)):
        if row.record_kind not in (None, row.kind):
            yield row, f"the record is a {row.record_kind}."
        else:
            starts = _difference("starts", row.start_time, row.record_start)
            ends = _difference("ends", row.end_time, row.record_end)
            differences = " and ".join(filter(None, (starts, ends)))
            yield row, f"in the old store {differences} than the record." if differences else None


def _difference(verb: str, old: datetime | None, new: datetime | None) -> str | None:
    if old is None or new is None or abs(old - new) <= TOLERANCE:
        return None
    return f"it {verb} {abs(old - new).total_seconds():.0f} s {'later' if old > new else 'earlier'}"


def check_integrity(connection: Connection) -> tuple[dict[str, int], Findings]:
    """Compares every imported id with its record.

    Returns:
        The counts, and the ids that are not mapped, contradict their record, or share one. `contradicting`
        counts records with other times or of another kind, `doubles` records with more than one id of a kind,
        `not_stored` mapped ids without a stored record, `asked` responses of WHOOP, and `answered_404` the
        404 responses among them.
    """
    found = Counter[str]()
    problems = Findings()
    for row, problem in _read_log(connection):
        found.update(("total", row.kind, row.state, f"mapped_by_{row.way}", f"answered_{row.status}"))
        found["contradicting"] += problem is not None
        if row.state != MAPPED:
            problem = row.reason or "not decided yet: run `whoop-assets migrate-v1` again."
        else:
            found["not_stored"] += row.record_kind is None
            found["doubles"] += row.place == 2
            if row.place == 2:
                problem = problem or "another v1 id has the same record."
        if problem is not None:
            problems.count += 1
            if len(problems.examples) < MAX_EXAMPLES:
                problems.examples.append(Example(row.user_id, None, f"{row.kind} {row.v1_id}: {problem}"))
    names = ("total", *KINDS, MAPPED, *(f"mapped_by_{way}" for way in WAYS), UNMAPPED, OPEN)
    counts = {
        name: found[name] for name in (*names, "contradicting", "doubles", "not_stored", "answered_404")
    }
    problems.looked_at = counts["total"]
    return counts | {"asked": found["answered_200"] + counts["answered_404"]}, problems


def log_rows(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Yields a header, then every row of the log with its contradiction."""
    columns = v1_ids.columns.keys()
    yield (*columns, "contradiction")
    for row, contradiction in _read_log(connection):
        yield (*row[: len(columns)], contradiction)
