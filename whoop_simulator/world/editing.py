"""Manual changes: edit, rescore, delete, undelete, add. Dependent records change as they would at WHOOP.

The start of a main sleep is the start of its cycle and the end of the previous cycle. A recovery gets the
`updated_at` of its sleep and is deleted with it. All changes are stored as operations, so that a restart
repeats them.
"""

import json
import random
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from whoop_simulator.errors import SimulatorError, UnknownRecord
from whoop_simulator.timestamps import HOUR, MINUTE, from_text, to_text
from whoop_simulator.world.member import SimulatedMember
from whoop_simulator.world.operations import Kind, Operation
from whoop_simulator.world.records import (
    CYCLES,
    KEY,
    NO_END,
    RECOVERIES,
    SLEEPS,
    STREAMS,
    WORKOUTS,
    Record,
    StoredRecord,
    merged,
)
from whoop_simulator.world.scoring import invented_score, reprocessed_sleep, rescored, span_of

Touched = list[dict[str, str]]
"""The records an edit changed: [{"stream", "id"}, ...]"""

BODY = "body_measurement"
TIMES = ("start", "end", "created_at", "updated_at")


P = ParamSpec("P")
Result = TypeVar("Result")


def locked(
    method: "Callable[Concatenate[RecordEditing, P], Result]",
) -> "Callable[Concatenate[RecordEditing, P], Result]":
    """Let the method hold the world's lock."""

    @wraps(method)
    def holding(self: "RecordEditing", /, *args: P.args, **kwargs: P.kwargs) -> Result:
        with self.lock:
            return method(self, *args, **kwargs)

    return holding


class RecordEditing(ABC):
    """The editing methods of the world."""

    seed: int
    lock: threading.RLock

    @abstractmethod
    def member(self, user_id: int) -> SimulatedMember:
        """The member at the clock's time; UnknownRecord if there is none."""

    @abstractmethod
    def now(self) -> int: ...

    @abstractmethod
    def save(self) -> None: ...

    @locked
    def edit(
        self,
        user_id: int,
        stream: str,
        key: object,
        changes: Record,
        *,
        touch: bool = True,
        follow: bool = True,
    ) -> Touched:
        """Merge changes into a record.

        Args:
            touch: Set `updated_at` to the clock's time.
            follow: Change dependent records too.
        """
        member = self.member(user_id)
        if stream in member.profile_changes:
            if not isinstance(changes, dict):
                raise SimulatorError(f"changes to {stream} must be a JSON object of fields")
            if stream == BODY and member.body_deleted:
                raise UnknownRecord(f"member {user_id} has no body measurement: undelete it first")
            member.profile_changes[stream] = merged(member.profile_changes[stream], changes)
            self.save()
            return [{"stream": stream, "id": str(user_id)}]
        entry = self._entry(member, stream, key)
        changes = _checked(stream, entry.record, changes)
        old_start = entry.start
        if "score_state" in changes and changes["score_state"] != "SCORED":
            changes["score"] = None
        elif (
            changes.get("score_state") == "SCORED" and "score" not in entry.record and "score" not in changes
        ):
            changes["score"] = entry.last_score or self._invent(member, stream, merged(entry.record, changes))
        moved = "start" in changes or "end" in changes
        if follow and moved and stream == SLEEPS and "score" in entry.record and "score" not in changes:
            changes["score"] = reprocessed_sleep(
                entry.record["score"], span_of(merged(entry.record, changes))
            )
        stamp = {"updated_at": to_text(self.now())} if touch else {}
        touched = [self._do(member, "change", stream, entry.key, {**stamp, **changes})]
        if follow and stream == SLEEPS:
            recovery = member.records.streams[RECOVERIES].get(entry.key)
            if recovery is not None and stamp:
                touched.append(self._do(member, "change", RECOVERIES, entry.key, stamp))
            if "start" in changes and not entry.record["nap"]:
                touched += self._move_cycles(member, entry, old_start, stamp)
        self.save()
        return touched

    @locked
    def rescore(self, user_id: int, stream: str, key: object) -> Touched:
        """Give a record another score; with a sleep, its recovery too."""
        member = self.member(user_id)
        entry = self._entry(member, stream, key)
        touched = [self._rescore(member, entry)]
        if stream == SLEEPS and (recovery := member.records.streams[RECOVERIES].get(entry.key)) is not None:
            touched.append(self._rescore(member, recovery))
        self.save()
        return touched

    @locked
    def delete(self, user_id: int, stream: str, key: object = None) -> Touched:
        """Delete a record. The recovery of a sleep is deleted too; the sleeps of a cycle are kept.

        The body measurement needs no key.
        """
        member = self.member(user_id)
        if stream == BODY:
            if member.body_measurement(self.now()) is None:
                raise UnknownRecord(f"member {user_id} has no body measurement: look at /_control/members")
            return self._set_body_deleted(member, True)
        entry = self._entry(member, stream, key)
        touched = [self._do(member, "delete", stream, entry.key)]
        if stream == SLEEPS and member.records.streams[RECOVERIES].get(entry.key) is not None:
            touched.append(self._do(member, "delete", RECOVERIES, entry.key))
        self.save()
        return touched

    @locked
    def undelete(self, user_id: int, stream: str, key: object = None) -> Touched:
        """Restore a deleted record; with a sleep, its recovery too."""
        member = self.member(user_id)
        if stream == BODY:
            if not member.body_deleted:
                raise UnknownRecord(f"the body measurement of member {user_id} is not deleted")
            return self._set_body_deleted(member, False)
        entry = self._entry(member, stream, key, deleted=True)
        touched = [self._do(member, "undelete", stream, entry.key)]
        recovery = member.records.streams[RECOVERIES].entries.get(entry.key)
        if stream == SLEEPS and recovery is not None and recovery.deleted:
            touched.append(self._do(member, "undelete", RECOVERIES, entry.key))
        self.save()
        return touched

    @locked
    def add(self, user_id: int, stream: str, record: Record) -> Record:
        """Create a record, with plausible values for missing fields; return it as the API serves it."""
        member = self.member(user_id)
        if stream not in STREAMS:
            raise UnknownRecord(f"there is no stream {stream!r}: use one of {', '.join(STREAMS)}")
        full = self._with_defaults(member, stream, _checked(stream, {}, record))
        key = str(full[KEY[stream]])
        if member.records.streams[stream].get(key) is not None:
            raise SimulatorError(f"{stream} already has a record {key}: edit it, or add one with another id")
        self._do(member, "create", stream, key, full)
        self.save()
        now = self.now()
        served: Record = json.loads(
            member.records.streams[stream].entries[key].json(now, member.offset_text(now))
        )
        return served

    # Dependent records and defaults

    def _set_body_deleted(self, member: SimulatedMember, deleted: bool) -> Touched:
        member.body_deleted = deleted
        self.save()
        return [{"stream": BODY, "id": str(member.user_id)}]

    def _move_cycles(
        self, member: SimulatedMember, sleep: StoredRecord, old_start: int, stamp: Record
    ) -> Touched:
        touched = []
        start = sleep.record["start"]
        for cycle in list(member.records.streams[CYCLES]):
            if cycle.start == old_start and cycle.key == str(sleep.record["cycle_id"]):
                touched.append(self._do(member, "change", CYCLES, cycle.key, {**stamp, "start": start}))
            elif cycle.end == old_start and cycle.start < sleep.start:
                touched.append(self._do(member, "change", CYCLES, cycle.key, {**stamp, "end": start}))
        return touched

    def _rescore(self, member: SimulatedMember, entry: StoredRecord) -> dict[str, str]:
        now = self.now()
        record = entry.visible(now, member.offset_text(now))
        if "score" in record:
            score = rescored(entry.stream, record["score"], self._chance(member))
        else:
            score = self._invent(member, entry.stream, record)
        content = {"score_state": "SCORED", "score": score, "updated_at": to_text(now)}
        return self._do(member, "change", entry.stream, entry.key, content)

    def _with_defaults(self, member: SimulatedMember, stream: str, record: Record) -> Record:
        now = self.now()
        chance = self._chance(member)
        stamp = to_text(now)
        full: Record = {
            "user_id": member.user_id,
            "created_at": stamp,
            "updated_at": stamp,
            "score_state": "SCORED",
        }
        new_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        cycles = member.records.streams[CYCLES]
        if stream == RECOVERIES:
            sleep = member.records.streams[SLEEPS].get(record.get("sleep_id", ""))
            if sleep is None:
                raise SimulatorError("a recovery needs the sleep_id of a sleep that is there")
            full |= {"cycle_id": sleep.record["cycle_id"], "sleep_id": sleep.key}
        else:
            span = {CYCLES: 12 * HOUR, SLEEPS: 40 * MINUTE, WORKOUTS: 45 * MINUTE}[stream]
            if stream == SLEEPS and record.get("nap") is False:
                span = 7 * HOUR
            start = from_text(record["start"]) if "start" in record else now - span - 30 * MINUTE
            full |= {"start": to_text(start), "end": to_text(start + span)}
        if stream == CYCLES:
            open_now = any(entry.end == NO_END for entry in cycles)
            newest = max((int(key) for key in cycles.entries), default=1_090_000_000)
            full |= {"id": newest + 1, "timezone_offset": member.offset_text(now), "step_count": None}
            full["end"] = full["end"] if open_now else None
        elif stream == SLEEPS:
            full |= {"id": new_id, "v1_id": None, "nap": True}
            full["cycle_id"] = _cycle_at(member, from_text(full["start"]))
        elif stream == WORKOUTS:
            full |= {"id": new_id, "v1_id": None, "sport_name": "running", "sport_id": 0}
        if (
            stream in (SLEEPS, WORKOUTS)
            and "timezone_offset" not in record
            and not member.source.floating_offsets
        ):
            full["timezone_offset"] = member.offset_text(now)
        full |= {name: value for name, value in record.items() if name != "score"}
        _check_span(full)
        if full["score_state"] == "SCORED":
            given = record.get("score") or {}
            if not isinstance(given, dict):
                raise SimulatorError(f"the score of a new record must be a JSON object, not {given!r}")
            full["score"] = merged(invented_score(stream, full, member.source.persona, chance), given)
        return full

    # Helpers

    def _entry(
        self, member: SimulatedMember, stream: str, key: object, *, deleted: bool = False
    ) -> StoredRecord:
        if stream not in STREAMS:
            raise UnknownRecord(f"there is no stream {stream!r}: use one of {', '.join(STREAMS)}")
        entry = member.records.streams[stream].entries.get(str(key))
        if entry is None or entry.deleted != deleted:
            state = "deleted" if deleted else "visible"
            raise UnknownRecord(
                f"{stream} has no {state} record {key}: look at /_control/truth/{member.user_id}"
            )
        return entry

    def _invent(self, member: SimulatedMember, stream: str, record: Record) -> Record:
        return invented_score(stream, record, member.source.persona, self._chance(member))

    def _chance(self, member: SimulatedMember) -> random.Random:
        """A random generator that depends only on the seed and the number of earlier edits."""
        return random.Random(f"{self.seed}/{member.user_id}/edit/{len(member.manual)}")

    def _do(
        self,
        member: SimulatedMember,
        kind: Kind,
        stream: str,
        key: str,
        content: dict[str, Any] | None = None,
    ) -> dict[str, str]:
        member.apply_now(Operation(member.now, kind, stream, key, content or {}, manual=True))
        return {"stream": stream, "id": key}


def _checked(stream: str, record: Record, changes: Record) -> Record:
    """Return the changes with times in WHOOP's form; raise SimulatorError for invalid changes."""
    if not isinstance(changes, dict):
        raise SimulatorError(f"changes to {stream} must be a JSON object of fields")
    changes = dict(changes)
    for name in TIMES:
        if changes.get(name) is not None:
            try:
                changes[name] = to_text(from_text(changes[name]))
            except (TypeError, ValueError, OverflowError) as error:
                raise SimulatorError(f"{name}: {error}") from None
    key = KEY[stream]
    if record and str(changes.get(key, record[key])) != str(record[key]):
        raise SimulatorError(f"the {key} of {stream} cannot be edited: add a record and delete the old one")
    _check_span({**record, **changes})
    return changes


def _check_span(record: Record) -> None:
    start, end = record.get("start"), record.get("end")
    if start is not None and end is not None and from_text(start) > from_text(end):
        raise SimulatorError(f"a record cannot start at {start} and end at {end}: give both in order")


def _cycle_at(member: SimulatedMember, instant: int) -> int:
    """The id of the cycle that contains the instant, else of the last cycle before it."""
    for cycle in member.records.streams[CYCLES]:
        if cycle.start <= instant:
            return int(cycle.key)
    raise SimulatorError("the member has no cycle at that time: give a cycle_id, or a later start")
