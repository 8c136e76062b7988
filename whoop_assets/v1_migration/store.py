"""Log of v1 ids in the table `v1_ids`: import, and the ways from a v1 id to a v2 id."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field
from pydantic.dataclasses import dataclass
from sqlalchemy import JSON, ColumnElement, Connection, String, and_, case, func, select, type_coerce, update

from whoop_assets.db.statements import upsert
from whoop_assets.records.tables import RECORD_TABLES, recoveries, sleeps, workouts
from whoop_assets.v1_migration.tables import v1_ids
from whoop_assets.webhooks.inbox import PARKED
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.webhooks import STREAM_OF

OPEN, MAPPED, UNMAPPED = "open", "mapped", "unmapped"
SLEEP, WORKOUT, RECOVERY = KINDS = ("sleep", "workout", "recovery")
BY_RECORD, BY_CYCLE, BY_ENDPOINT, BY_TIME = WAYS = ("v1_id", "cycle_id", "mapping", "start_time")
FOUND, NOT_FOUND = 200, 404
Response = tuple[int, str | None]
"""Status and v2 id of a response of WHOOP."""

TOLERANCE = timedelta(minutes=1)
"""Times that differ by less count as equal: an edit reprocesses a sleep, and some stores drop seconds."""

PositiveInt64 = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True, slots=True)
class OldId:
    """A v1 id and what the old store says about it. For a recovery `v1_id` is the id of its cycle."""

    user_id: PositiveInt64
    kind: Literal["sleep", "workout", "recovery"]
    v1_id: PositiveInt64
    start_time: AwareDatetime | None = None
    end_time: AwareDatetime | None = None


_c = v1_ids.c
OLD_ID = tuple(_c[field.name] for field in fields(OldId))


def matches(old_id: OldId) -> ColumnElement[bool]:
    """Selects the row of the id in the log."""
    return and_(_c.user_id == old_id.user_id, _c.kind == old_id.kind, _c.v1_id == old_id.v1_id)


def import_ids(connection: Connection, ids: Iterable[OldId], source: str, at: datetime) -> None:
    """Inserts new ids and fills empty times of known ones. A known value is never replaced."""
    statement = upsert(connection, v1_ids)
    times = {name: func.coalesce(_c[name], statement.excluded[name]) for name in ("start_time", "end_time")}
    statement = statement.on_conflict_do_update(index_elements=list(v1_ids.primary_key), set_=times)
    # One row per statement, because a source can contain an id twice.
    for old_id in ids:
        connection.execute(statement, asdict(old_id) | {"source": source, "taken_at": at, "state": OPEN})


def reopen(connection: Connection) -> None:
    """Opens all unmapped ids again, and keeps WHOOP's responses."""
    values = {"state": OPEN, "reason": None, "decided_at": None}
    connection.execute(update(v1_ids).where(_c.state == UNMAPPED).values(values))


def open_ids(connection: Connection) -> dict[int, list[tuple[OldId, Response | None]]]:
    """Returns the undecided ids by member, with WHOOP's stored response.

    Ids with a failed request come last, the oldest failure first, so that they cannot starve the others.
    """
    failed_at = case((_c.status.is_(None), _c.asked_at))
    query = select(_c.status, _c.answer, *OLD_ID).where(_c.state == OPEN)
    found: dict[int, list[tuple[OldId, Response | None]]] = {}
    for status, answer, *values in connection.execute(
        query.order_by(_c.user_id, failed_at.is_not(None), failed_at, _c.kind, _c.v1_id)
    ):
        response = None if status is None else (status, answer)
        found.setdefault(values[0], []).append((OldId(*values), response))
    return found


def map_by_records(connection: Connection, at: datetime) -> None:
    """Maps the open ids by the stored records."""
    for table in (sleeps, workouts):
        # WHOOP rarely fills the field `v1_id`, so it has no column.
        number = type_coerce(table.c.payload, JSON)["v1_id"].as_string()
        query = select(table.c.user_id, number, table.c.id).where(number.is_not(None))
        for user_id, v1_id, key in connection.execute(query).all():
            if str(v1_id).isascii() and str(v1_id).isdigit():
                same = and_(_c.user_id == user_id, _c.kind != RECOVERY, _c.v1_id == int(v1_id))
                decide(connection, same, at, BY_RECORD, key)
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
    decide(connection, and_(_c.kind == RECOVERY, sleep_id.is_not(None)), at, BY_CYCLE, sleep_id)


def record_request(connection: Connection, old_id: OldId, **values: Any) -> None:
    """Stores the time of a request, and its response (`status`, `answer`) or the `reason` of its failure."""
    connection.execute(update(v1_ids).where(matches(old_id), _c.state == OPEN).values(values))


def find_by_start(connection: Connection, old_id: OldId) -> list[str]:
    """Returns up to two stored records of kind and member that start within `TOLERANCE` of its start."""
    if old_id.start_time is None:
        return []
    r = RECORD_TABLES[STREAM_OF[old_id.kind]].c
    near = r.start_time.between(old_id.start_time - TOLERANCE, old_id.start_time + TOLERANCE)
    query = select(r.sleep_id if old_id.kind == RECOVERY else r.id).limit(2)
    return list(connection.scalars(query.where(r.user_id == old_id.user_id, r.deleted_at.is_(None), near)))


def decide(
    connection: Connection,
    ids: ColumnElement[bool],
    at: datetime,
    way: str | None = None,
    v2_id: Any = None,
    reason: str | None = None,
) -> None:
    """Marks open ids as mapped in this way or, without one, as unmapped for this reason."""
    values = {"state": UNMAPPED if way is None else MAPPED, "way": way, "v2_id": v2_id, "reason": reason}
    connection.execute(update(v1_ids).where(ids, _c.state == OPEN).values(values | {"decided_at": at}))


def parked_events(connection: Connection) -> list[tuple[str, OldId, str | None]]:
    """Returns the parked webhook events with a v1 id: trace id, v1 id, and v2 id if it is mapped."""
    e = webhook_events.c
    same_record = and_(e.event_type.like(_c.kind + ".%"), e.record_id == _c.v1_id.cast(String))
    query = (
        select(e.trace_id, e.user_id, e.event_type, e.record_id, _c.v2_id)
        .outerjoin_from(webhook_events, v1_ids, and_(e.user_id == _c.user_id, same_record))
        .where(e.state == PARKED, e.stream.is_not(None), e.record_id.not_like("%-%"))
    )
    found = []
    for trace_id, user_id, event_type, record_id, v2_id in connection.execute(query.order_by(e.trace_id)):
        kind: Any = event_type.partition(".")[0]
        found.append((trace_id, OldId(user_id, kind, int(record_id)), v2_id))
    return found
