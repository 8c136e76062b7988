"""The log of v1 ids: what was taken in, what WHOOP said of it, how it was mapped, and what all of it comes to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from whoop_assets.db.statements import in_lots, insert_or_ignore
from whoop_assets.quality.consistency import MAX_EXAMPLES, Example, Findings
from whoop_assets.records.tables import RECORD_TABLES, recoveries
from whoop_assets.v1_migration.tables import v1_ids
from whoop_assets.webhooks.row_locks import PARKED
from whoop_assets.webhooks.tables import webhook_events

OPEN, MAPPED, UNMAPPED = "open", "mapped", "unmapped"
SLEEP, WORKOUT, RECOVERY = KINDS = ("sleep", "workout", "recovery")
STREAM_OF = {SLEEP: "sleeps", WORKOUT: "workouts", RECOVERY: "recoveries"}
BY_RECORD, BY_CYCLE, BY_ENDPOINT, BY_TIME = WAYS = ("v1_id", "cycle_id", "mapping", "start_time")
GOOD, NOT_FOUND = 200, 404
ACTIVITY, CYCLE = "activity", "cycle"
Subject = tuple[str, int]
"""An activity's number of v1, or a cycle's id, which v2 has kept."""

Key = tuple[int, str, int]
"""An id in the log: member, kind, number."""

TOLERANCE = timedelta(minutes=1)
"""Times so near to each other are the same: an edit of a minute re-processes a sleep, and a store may have cut off seconds."""


@dataclass(frozen=True, slots=True)
class OldId:
    """An id of v1, with what the old store says of it; of a recovery `v1_id` is its cycle's."""

    user_id: int
    kind: str
    v1_id: int
    sleep_v1_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def key(self) -> Key:
        """Which row of the log it is."""
        return self.user_id, self.kind, self.v1_id

    @property
    def subject(self) -> Subject:
        """What WHOOP can be asked for: an activity, or the cycle of a recovery whose sleep's number is not known."""
        if self.kind != RECOVERY:
            return ACTIVITY, self.v1_id
        return (CYCLE, self.v1_id) if self.sleep_v1_id is None else (ACTIVITY, self.sleep_v1_id)

    def completed_by(self, other: "OldId") -> "OldId":
        """The same id, with what the other says where this one says nothing."""
        return replace(
            self,
            sleep_v1_id=other.sleep_v1_id if self.sleep_v1_id is None else self.sleep_v1_id,
            start=other.start if self.start is None else self.start,
            end=other.end if self.end is None else self.end,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What WHOOP answered of a subject, and when."""

    status: int
    v2_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an id: the way and the record, or the reason why it has none."""

    of: OldId
    way: str | None = None
    v2_id: str | None = None
    reason: str | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record that is stored: its key in v2, times, and whether it still exists."""

    key: str
    start: datetime | None
    end: datetime | None
    exists: bool


@dataclass(slots=True)
class Known:
    """What is stored of a member, as far as ids are looked for in it.

    `records`: by kind and key. `by_v1`: kind and v1 id -> key, where WHOOP gave both. `by_cycle`: cycle -> the sleep of
    its recovery.
    """

    records: dict[str, dict[str, KnownRecord]] = field(default_factory=dict)
    by_v1: dict[tuple[str, int], str] = field(default_factory=dict)
    by_cycle: dict[int, str] = field(default_factory=dict)


_OLD_ID = (
    v1_ids.c.user_id,
    v1_ids.c.kind,
    v1_ids.c.v1_id,
    v1_ids.c.sleep_v1_id,
    v1_ids.c.start_time,
    v1_ids.c.end_time,
)


def take_in(connection: Connection, ids: Iterable[OldId], source: str, at: datetime) -> None:
    """Enter the ids that are not there yet, and complete those that are with what was not known of them.

    What says more of an id that could not be mapped opens it again. Nothing that was said before is said otherwise.
    """
    given: dict[Key, OldId] = {}
    for one in ids:
        given[one.key] = given[one.key].completed_by(one) if one.key in given else one
    here = _entered(connection, given)
    rows = [
        {
            "user_id": one.user_id,
            "kind": one.kind,
            "v1_id": one.v1_id,
            "sleep_v1_id": one.sleep_v1_id,
            "start_time": one.start,
            "end_time": one.end,
            "source": source,
            "taken_at": at,
            "state": OPEN,
        }
        for key, one in given.items()
        if key not in here
    ]
    insert_or_ignore(connection, v1_ids, rows)
    for key, (before, state) in here.items():
        _complete(connection, before, before.completed_by(given[key]), state)


def _entered(connection: Connection, keys: Iterable[Key]) -> dict[Key, tuple[OldId, str]]:
    """Of these ids those that are in the log, with their states."""
    c, wanted = v1_ids.c, set(keys)
    found = {}
    for lot in in_lots(sorted({v1_id for _, _, v1_id in wanted})):
        query = select(*_OLD_ID, c.state).where(c.v1_id.in_(lot))
        for *row, state in connection.execute(query):
            one = OldId(*row)
            if one.key in wanted:
                found[one.key] = one, state
    return found


def _complete(connection: Connection, before: OldId, after: OldId, state: str) -> None:
    values: dict[str, Any] = {"start_time": after.start, "end_time": after.end}
    if state == MAPPED:
        # What WHOOP was asked for stays what it was; times alone tell whether the record says the same.
        after = replace(after, sleep_v1_id=before.sleep_v1_id)
    else:
        values |= {"sleep_v1_id": after.sleep_v1_id, "state": OPEN, "reason": None, "decided_at": None}
    if after.subject != before.subject:
        values |= {"status": None, "answer": None, "asked_at": None}
    if after != before:
        connection.execute(update(v1_ids).where(_is(before)).values(values))


def reopen(connection: Connection) -> int:
    """Take up again what could not be mapped; what WHOOP answered is kept. How many."""
    c = v1_ids.c
    values = {"state": OPEN, "reason": None, "decided_at": None}
    return connection.execute(update(v1_ids).where(c.state == UNMAPPED).values(values)).rowcount


def members_with_open(connection: Connection) -> list[int]:
    """Whose ids are not decided yet."""
    c = v1_ids.c
    query = select(c.user_id).where(c.state == OPEN).group_by(c.user_id).order_by(c.user_id)
    return list(connection.scalars(query))


def open_of(connection: Connection, user_id: int) -> list[OldId]:
    """The member's ids that are not decided yet: sleeps before the recoveries that are mapped by them.

    Those that WHOOP was asked for and gave no answer come last, whose attempt is longest ago first: so that none keeps
    the others from their turn.
    """
    c = v1_ids.c
    failed = and_(c.status.is_(None), c.asked_at.is_not(None))
    query = (
        select(*_OLD_ID)
        .where(c.state == OPEN, c.user_id == user_id)
        .order_by(
            case((failed, 1), else_=0),
            case((failed, c.asked_at)),
            case((c.kind == RECOVERY, 1), else_=0),
            c.kind.desc(),
            c.v1_id,
        )
    )
    return [OldId(*row) for row in connection.execute(query)]


def answers_of(connection: Connection, user_id: int) -> dict[Subject, Asked]:
    """What WHOOP has answered of the member's ids, so that nothing is asked for twice."""
    c = v1_ids.c
    query = select(c.kind, c.v1_id, c.sleep_v1_id, c.status, c.answer, c.asked_at).where(
        c.user_id == user_id, c.status.is_not(None)
    )
    return {
        OldId(user_id, kind, v1_id, sleep_v1_id).subject: Asked(*answer)
        for kind, v1_id, sleep_v1_id, *answer in connection.execute(query)
    }


def known_of(connection: Connection, user_id: int) -> Known:
    """What is stored of the member."""
    known = Known()
    for kind, stream in STREAM_OF.items():
        table = RECORD_TABLES[stream]
        key = table.c.sleep_id if kind == RECOVERY else table.c.id
        query = select(
            key, table.c.start_time, table.c.end_time, table.c.deleted_at, _v1_id(connection, table)
        ).where(table.c.user_id == user_id)
        known.records[kind] = {}
        for name, start, end, deleted_at, v1_id in connection.execute(query):
            known.records[kind][name] = KnownRecord(name, start, end, deleted_at is None)
            if v1_id is not None and str(v1_id).isascii() and str(v1_id).isdigit():
                known.by_v1[kind, int(v1_id)] = name
    c = recoveries.c
    sleeps = RECORD_TABLES["sleeps"]
    # Of a cycle's recoveries that of its main sleep, which is the one that v1 knew the cycle by.
    by_cycle = (
        select(c.cycle_id, c.sleep_id)
        .outerjoin(sleeps, sleeps.c.id == c.sleep_id)
        .where(c.user_id == user_id, or_(sleeps.c.nap.is_(None), sleeps.c.nap.is_(False)))
        .order_by(c.deleted_at.is_(None), c.start_time)
    )
    known.by_cycle = dict(connection.execute(by_cycle).all())
    return known


def _v1_id(connection: Connection, table: Any) -> Any:
    """The record's `v1_id` in what WHOOP sent; it has no column of its own, because WHOOP hardly ever fills it."""
    if connection.dialect.name == "sqlite":
        return func.json_extract(table.c.payload, "$.v1_id")
    return table.c.payload.op("->>", return_type=Text())("v1_id")


def decide(connection: Connection, decisions: Iterable[Decision], at: datetime) -> None:
    """Write what became of these ids; one that is decided already stays as it is."""
    c = v1_ids.c
    for one in decisions:
        values: dict[str, Any] = {
            "state": UNMAPPED if one.way is None else MAPPED,
            "way": one.way,
            "v2_id": one.v2_id,
            "reason": one.reason,
            "decided_at": at,
        }
        if one.asked is not None:
            values |= {"status": one.asked.status, "answer": one.asked.v2_id, "asked_at": one.asked.at}
        connection.execute(update(v1_ids).where(_is(one.of), c.state == OPEN).values(values))


def note_failure(connection: Connection, one: OldId, reason: str, at: datetime) -> None:
    """Write why WHOOP gave no answer of the id, which stays open."""
    values = {"reason": reason, "asked_at": at}
    connection.execute(update(v1_ids).where(_is(one), v1_ids.c.state == OPEN).values(values))


def _is(one: OldId) -> ColumnElement[bool]:
    c = v1_ids.c
    return and_(c.user_id == one.user_id, c.kind == one.kind, c.v1_id == one.v1_id)


# Webhook events that named records by v1 ids


def parked_events(connection: Connection) -> list[tuple[str, OldId]]:
    """The parked events that name a record by a number: trace id, and the id."""
    c = webhook_events.c
    kinds = {stream: kind for kind, stream in STREAM_OF.items()}
    query = (
        select(c.trace_id, c.user_id, c.stream, c.record_id)
        .where(c.state == PARKED, c.stream.is_not(None), c.record_id.is_not(None))
        .order_by(c.trace_id)
    )
    return [
        (trace_id, OldId(user_id, kinds[stream], int(record_id)))
        for trace_id, user_id, stream, record_id in connection.execute(query)
        if record_id.isascii() and record_id.isdigit() and stream in kinds
    ]


def mapped(connection: Connection, ids: Iterable[OldId]) -> dict[OldId, str]:
    """Of these ids those that are mapped, with the keys in v2."""
    c = v1_ids.c
    asked = list(ids)
    found = {}
    for lot in in_lots(sorted({one.v1_id for one in asked})):
        query = select(c.user_id, c.kind, c.v1_id, c.v2_id).where(c.state == MAPPED, c.v1_id.in_(lot))
        found.update({(row[0], row[1], row[2]): row[3] for row in connection.execute(query)})
    keys = {one: found.get((one.user_id, one.kind, one.v1_id)) for one in asked}
    return {one: key for one, key in keys.items() if key is not None}


# What all of it comes to


@dataclass(frozen=True, slots=True)
class Report:
    """The integrity report: how many ids there are, mapped by which way, unmapped, still open; and what to look at.

    `contradicting`: mapped to a record that says other times than the old store, or is of another kind. `doubles`: records that
    more than one id of a kind is mapped to. `not_stored`: mapped to a record that is not stored here.
    `answered_404`: of which WHOOP said that it knows no such id.
    """

    total: int
    kinds: dict[str, int]
    ways: dict[str, int]
    unmapped: int
    open: int
    contradicting: int
    doubles: int
    not_stored: int
    asked: int
    answered_404: int

    @property
    def mapped(self) -> int:
        return sum(self.ways.values())

    @property
    def in_order(self) -> bool:
        """Whether every id is mapped, each to a record of its own that says the same."""
        return not (self.unmapped or self.open or self.contradicting or self.doubles)


def report(connection: Connection) -> Report:
    """The report over everything that was taken in."""
    c = v1_ids.c
    states: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    query = select(c.kind, c.state, c.way, func.count()).group_by(c.kind, c.state, c.way)
    for kind, state, way, count in connection.execute(query):
        kinds[kind] += count
        states[state] += count
        if way is not None:
            ways[way] += count
    answers = select(func.count(c.status), func.count(case((c.status == NOT_FOUND, 1))))
    asked, not_found = connection.execute(answers).one()
    contradicting = not_stored = 0
    for one in compared(connection):
        contradicting += one.contradiction is not None
        not_stored += not one.stored
    return Report(
        total=sum(states.values()),
        kinds={kind: kinds[kind] for kind in KINDS},
        ways={way: ways[way] for way in WAYS},
        unmapped=states[UNMAPPED],
        open=states[OPEN],
        contradicting=contradicting,
        doubles=len(connection.execute(_doubles()).all()),
        not_stored=not_stored,
        asked=asked,
        answered_404=not_found,
    )


def _doubles() -> Select[Any]:
    c = v1_ids.c
    return (
        select(c.user_id, c.kind, c.v2_id, func.count())
        .where(c.state == MAPPED)
        .group_by(c.user_id, c.kind, c.v2_id)
        .having(func.count() > 1)
        .order_by(c.user_id, c.kind, c.v2_id)
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """A mapped id beside its record: whether that is stored, and what the old store says otherwise (None: nothing)."""

    key: Key
    stored: bool
    contradiction: str | None


def compared(connection: Connection) -> Iterator[Compared]:
    """Every id that is mapped, with its record as it is stored now: a day that is read later is compared too."""
    c = v1_ids.c
    for kind, stream in STREAM_OF.items():
        r = RECORD_TABLES[stream].c
        key = r.sleep_id if kind == RECOVERY else r.id
        query = (
            select(
                c.user_id, c.v1_id, c.start_time, c.end_time, key, r.start_time, r.end_time, _mistaken(kind)
            )
            .select_from(v1_ids)
            .outerjoin(RECORD_TABLES[stream], and_(key == c.v2_id, r.user_id == c.user_id))
            .where(c.state == MAPPED, c.kind == kind)
            .order_by(c.user_id, c.v1_id)
        )
        for user_id, v1_id, start, end, here, its_start, its_end, mistaken in connection.execute(query):
            said = _contradiction(start, end, its_start, its_end)
            if mistaken:
                said = f"The record is a {_OTHER[kind]}."
            yield Compared((user_id, kind, v1_id), here is not None or mistaken, said)


def _mistaken(kind: str) -> ColumnElement[bool]:
    """Whether it is a record of the other kind that the id is mapped to."""
    if kind not in _OTHER:
        return literal(False)
    r = RECORD_TABLES[STREAM_OF[_OTHER[kind]]].c
    return exists().where(r.id == v1_ids.c.v2_id, r.user_id == v1_ids.c.user_id)


_OTHER = {SLEEP: WORKOUT, WORKOUT: SLEEP}


def _contradiction(
    start: datetime | None, end: datetime | None, its_start: datetime | None, its_end: datetime | None
) -> str | None:
    found = [
        f"it {what} {_apart(old - new)} than the record"
        for what, old, new in (("starts", start, its_start), ("ends", end, its_end))
        if old is not None and new is not None and abs(old - new) > TOLERANCE
    ]
    return f"In the old store {' and '.join(found)}." if found else None


def _apart(difference: timedelta) -> str:
    seconds = round(abs(difference).total_seconds())
    return f"{seconds} s {'later' if difference > timedelta(0) else 'earlier'}"


def not_in_order(connection: Connection) -> Findings:
    """The ids that a human should look at: not mapped, contradicting, or two of one record; for the asset check."""
    c = v1_ids.c
    found = Findings(looked_at=connection.scalar(select(func.count()).select_from(v1_ids)))
    wrong = c.state != MAPPED
    found.count = connection.scalar(select(func.count()).select_from(v1_ids).where(wrong)) or 0
    query = (
        select(c.user_id, c.kind, c.v1_id, c.reason)
        .where(wrong)
        .order_by(c.v1_id.desc(), c.kind)
        .limit(MAX_EXAMPLES)
    )
    for user_id, kind, v1_id, reason in connection.execute(query):
        said = reason or "It is not decided yet: run `whoop-assets migrate-v1` again."
        found.examples.append(Example(user_id, None, f"{kind} {v1_id}: {said}"))
    for one in compared(connection):
        if one.contradiction is not None:
            user_id, kind, v1_id = one.key
            _add(found, Example(user_id, None, f"{kind} {v1_id}: {one.contradiction}"))
    for user_id, kind, v2_id, count in connection.execute(_doubles()):
        _add(found, Example(user_id, None, f"{count} ids of v1 are mapped to {kind} {v2_id}"))
    return found


def _add(found: Findings, one: Example) -> None:
    found.count += 1
    if len(found.examples) < MAX_EXAMPLES:
        found.examples.append(one)


LOG_COLUMNS = (*(column.name for column in v1_ids.columns), "contradiction")


def log(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Every row of the log, with the values of LOG_COLUMNS, by member, kind and id."""
    said = {one.key: one.contradiction for one in compared(connection)}
    query = select(v1_ids).order_by(v1_ids.c.user_id, v1_ids.c.kind, v1_ids.c.v1_id)
    for row in connection.execute(query):
        yield (*row, said.get((row.user_id, row.kind, row.v1_id)))
