"""Log of v1 ids in the table `v1_ids`: import, and the ways from a v1 id to a v2 id."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, and_, case, func, or_, select, tuple_, update

from whoop_assets.db.statements import batched, insert_or_ignore
from whoop_assets.records.tables import RECORD_TABLES, recoveries, sleeps, workouts
from whoop_assets.v1_migration.tables import v1_ids
from whoop_assets.webhooks.events import PARKED
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.webhooks import STREAM_OF

OPEN, MAPPED, UNMAPPED = "open", "mapped", "unmapped"
SLEEP, WORKOUT, RECOVERY = KINDS = ("sleep", "workout", "recovery")
BY_RECORD, BY_CYCLE, BY_ENDPOINT, BY_TIME = WAYS = ("v1_id", "cycle_id", "mapping", "start_time")
FOUND, NOT_FOUND = 200, 404

TOLERANCE = timedelta(minutes=1)
"""Times that differ by less count as equal: an edit reprocesses a sleep, and some stores drop seconds."""

REOPENED = {"state": OPEN, "reason": None, "decided_at": None}


@dataclass(frozen=True, slots=True)
class OldId:
    """A v1 id and what the old store says about it. For a recovery `v1_id` is the id of its cycle."""

    user_id: int
    kind: str
    v1_id: int
    sleep_v1_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def key(self) -> tuple[int, str, int]:
        """Primary key in the log."""
        return self.user_id, self.kind, self.v1_id

    @property
    def activity(self) -> int | None:
        """The v1 id of the sleep or workout; None for a recovery without a known sleep."""
        return self.sleep_v1_id if self.kind == RECOVERY else self.v1_id

    def completed_by(self, other: "OldId") -> "OldId":
        """Returns the same id, with empty fields filled from the other."""
        return replace(
            self,
            sleep_v1_id=self.sleep_v1_id or other.sleep_v1_id,
            start=self.start or other.start,
            end=self.end or other.end,
        )


_c = v1_ids.c
KEY = tuple_(_c.user_id, _c.kind, _c.v1_id)
OLD_ID = (_c.user_id, _c.kind, _c.v1_id, _c.sleep_v1_id, _c.start_time, _c.end_time)


def _matches(old_id: OldId) -> ColumnElement[bool]:
    return and_(_c.user_id == old_id.user_id, _c.kind == old_id.kind, _c.v1_id == old_id.v1_id)


def import_ids(connection: Connection, ids: Iterable[OldId], source: str, at: datetime) -> None:
    """Inserts new ids and fills empty fields of known ones. A known value is never replaced.

    New information about an unmapped id opens it again.
    """
    given: dict[tuple[int, str, int], OldId] = {}
    for old_id in ids:
        given[old_id.key] = given.get(old_id.key, old_id).completed_by(old_id)
    known: list[Any] = []
    for keys in batched(list(given)):
        known += connection.execute(select(*OLD_ID, _c.state).where(KEY.in_(keys))).all()
    for *fields, state in known:
        before = OldId(*fields)
        _complete(connection, before, before.completed_by(given.pop(before.key)), state)
    constant = {"source": source, "taken_at": at, "state": OPEN}
    rows = [
        {"user_id": one.user_id, "kind": one.kind, "v1_id": one.v1_id, "sleep_v1_id": one.sleep_v1_id}
        | {"start_time": one.start, "end_time": one.end}
        | constant
        for one in given.values()
    ]
    insert_or_ignore(connection, v1_ids, rows)


def _complete(connection: Connection, before: OldId, after: OldId, state: str) -> None:
    values: dict[str, Any] = {"start_time": after.start, "end_time": after.end}
    if state == MAPPED:
        # The sleep of a mapped recovery stays. Only the times are compared with the record.
        after = replace(after, sleep_v1_id=before.sleep_v1_id)
    else:
        values |= {"sleep_v1_id": after.sleep_v1_id, **REOPENED}
    if after.activity != before.activity:
        values |= {"status": None, "answer": None, "asked_at": None}
    if after != before:
        connection.execute(update(v1_ids).where(_matches(before)).values(values))


def reopen(connection: Connection) -> int:
    """Opens all unmapped ids again, keeps WHOOP's responses, and returns the number of ids."""
    return connection.execute(update(v1_ids).where(_c.state == UNMAPPED).values(REOPENED)).rowcount


def open_ids(connection: Connection) -> dict[int, list[OldId]]:
    """Returns the undecided ids by member, sleeps before recoveries.

    Ids with a failed request come last, the oldest failure first, so that they cannot starve the others.
    """
    failed_at = case((_c.status.is_(None), _c.asked_at))
    order = (_c.user_id, failed_at.is_not(None), failed_at, _c.kind == RECOVERY, _c.kind.desc(), _c.v1_id)
    found: dict[int, list[OldId]] = {}
    for row in connection.execute(select(*OLD_ID).where(_c.state == OPEN).order_by(*order)):
        found.setdefault(row[0], []).append(OldId(*row))
    return found


def map_by_records(connection: Connection, at: datetime) -> None:
    """Maps the open ids by the stored records."""
    for kind, table in ((SLEEP, sleeps), (WORKOUT, workouts)):
        # WHOOP rarely fills the field `v1_id`, so it has no column.
        if connection.dialect.name == "sqlite":
            number: Any = func.json_extract(table.c.payload, "$.v1_id")
        else:
            number = table.c.payload.op("->>", return_type=Text())("v1_id")
        query = select(table.c.user_id, number, table.c.id).where(number.is_not(None))
        for user_id, v1_id, key in connection.execute(query).all():
            if str(v1_id).isascii() and str(v1_id).isdigit():
                same = _same_activity(user_id, int(v1_id), kind)
                _decide(connection, same, at, BY_RECORD, key)
    r = recoveries.c
    # Naps are skipped, because v1 had one recovery per cycle.
    sleep_id = (
        select(r.sleep_id)
        .outerjoin(sleeps, sleeps.c.id == r.sleep_id)
        .where(r.user_id == _c.user_id, r.cycle_id == _c.v1_id, func.coalesce(sleeps.c.nap, False).is_(False))
        .order_by(r.deleted_at.is_not(None), r.start_time.desc())
        .limit(1)
        .scalar_subquery()
    )
    _decide(connection, and_(_c.kind == RECOVERY, sleep_id.is_not(None)), at, BY_CYCLE, sleep_id)


def _same_activity(user_id: int, v1_id: int, kind: str | None = None) -> ColumnElement[bool]:
    """Matches the ids of an activity: its own, and that of the recovery which names it as its sleep."""
    own = _c.kind != RECOVERY if kind is None else _c.kind == kind
    same = and_(own, _c.v1_id == v1_id)
    if kind != WORKOUT:
        same = or_(same, and_(_c.kind == RECOVERY, _c.sleep_v1_id == v1_id))
    return and_(_c.user_id == user_id, same)


def find_response(connection: Connection, old_id: OldId) -> tuple[int, str | None] | None:
    """Returns WHOOP's stored response for the id or for another id of its activity: status and v2 id."""
    if old_id.activity is None:
        same = and_(_matches(old_id), _c.sleep_v1_id.is_(None))
    else:
        same = _same_activity(old_id.user_id, old_id.activity)
    row = connection.execute(select(_c.status, _c.answer).where(same, _c.status.is_not(None))).first()
    return None if row is None else (row[0], row[1])


def record_request(connection: Connection, old_id: OldId, **values: Any) -> None:
    """Stores the time of a request, and its response (`status`, `answer`) or the `reason` of its failure."""
    connection.execute(update(v1_ids).where(_matches(old_id), _c.state == OPEN).values(values))


def find_by_start(connection: Connection, old_id: OldId, start: datetime) -> list[str]:
    """Returns up to two stored records of kind and member that start within `TOLERANCE` of that time."""
    r = RECORD_TABLES[STREAM_OF[old_id.kind]].c
    near = r.start_time.between(start - TOLERANCE, start + TOLERANCE)
    query = select(r.sleep_id if old_id.kind == RECOVERY else r.id).limit(2)
    return list(connection.scalars(query.where(r.user_id == old_id.user_id, r.deleted_at.is_(None), near)))


def decide(
    connection: Connection,
    old_id: OldId,
    at: datetime,
    way: str | None = None,
    v2_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Marks an open id as mapped in this way or, without one, as unmapped for this reason."""
    _decide(connection, _matches(old_id), at, way, v2_id, reason)


def _decide(
    connection: Connection, ids: Any, at: datetime, way: str | None, v2_id: Any, reason: str | None = None
) -> None:
    values = {"state": UNMAPPED if way is None else MAPPED, "way": way, "v2_id": v2_id, "reason": reason}
    connection.execute(update(v1_ids).where(ids, _c.state == OPEN).values(values | {"decided_at": at}))


def parked_events(connection: Connection) -> list[tuple[str, OldId, str | None]]:
    """Returns the parked webhook events with a v1 id: trace id, v1 id, and v2 id if it is mapped."""
    e = webhook_events.c
    kinds = {stream: kind for kind, stream in STREAM_OF.items()}
    query = (
        select(e.trace_id, e.user_id, e.stream, e.record_id)
        .where(e.state == PARKED, e.stream.in_(kinds), e.record_id.is_not(None))
        .order_by(e.trace_id)
    )
    found = []
    for trace_id, user_id, stream, record_id in connection.execute(query).all():
        if record_id.isascii() and record_id.isdigit():
            old_id = OldId(user_id, kinds[stream], int(record_id))
            found.append((trace_id, old_id, connection.scalar(select(_c.v2_id).where(_matches(old_id)))))
    return found
