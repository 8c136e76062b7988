"""The visible records of one member: four streams, each sorted by start for lookups by interval."""

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from whoop_simulator.physiology.scores import OpenCycle
from whoop_simulator.timestamps import from_text

Record = dict[str, Any]

CYCLES, SLEEPS, RECOVERIES, WORKOUTS = "cycles", "sleeps", "recoveries", "workouts"
STREAMS = (CYCLES, SLEEPS, RECOVERIES, WORKOUTS)
KEY = {CYCLES: "id", SLEEPS: "id", RECOVERIES: "sleep_id", WORKOUTS: "id"}
"""The key field of each stream."""

NO_END = 1 << 62
"""The end of an open cycle."""

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: Any) -> str:
    return _COMPACT(value)


def merged(record: Record, changes: Record) -> Record:
    """Return a new record with the changes, merging nested objects. A `score` of None removes the key."""
    result = dict(record)
    for name, value in changes.items():
        if name == "score" and value is None:
            result.pop("score", None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = value
    return result


@dataclass(slots=True, eq=False)
class StoredRecord:
    """One record, with its cached JSON and its interval."""

    stream: str
    record: Record
    serial: int
    floating_offset: bool
    """Whether the API shows the member's current offset instead of the record's, as WHOOP does for sleeps and
    workouts.
    """
    open_cycle: OpenCycle | None = None
    deleted: bool = False
    pinned: Record = field(default_factory=dict)
    """Manual edits of an open cycle, which its growing score must not overwrite."""
    key: str = field(init=False)
    last_score: Record | None = field(init=False)
    start: int = 0
    end: int = 0
    _json: str | None = None
    _json_offset: str = ""

    def __post_init__(self) -> None:
        self.key = str(self.record[KEY[self.stream]])
        self.last_score = self.record.get("score")

    def change(self, changes: Record) -> None:
        self.record = merged(self.record, changes)
        self.last_score = self.record.get("score", self.last_score)
        self.changed()

    def changed(self) -> None:
        self._json = None

    def visible(self, now: int, offset: str) -> Record:
        """The record as the API returns it at `now`, with the member's current offset."""
        record = self.record
        if self.floating_offset and record.get("timezone_offset") != offset:
            record = {**record, "timezone_offset": offset}
        if self.open_cycle is not None:
            score, steps = self.open_cycle.at(now)
            record = merged({**record, "score": score, "step_count": steps}, self.pinned)
        return record

    def json(self, now: int, offset: str) -> str:
        if self.open_cycle is not None:
            return to_json(self.visible(now, offset))
        if self._json is None or (self.floating_offset and self._json_offset != offset):
            self._json = to_json(self.visible(now, offset))
            self._json_offset = offset
        return self._json


class StreamRecords:
    """The records of one stream, by key and sorted by start."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.entries: dict[str, StoredRecord] = {}
        """All records, including deleted ones."""
        self._order: list[tuple[int, int]] = []
        self._sorted: list[StoredRecord] = []
        self._longest = 0
        self._open: set[StoredRecord] = set()

    def get(self, key: object) -> StoredRecord | None:
        entry = self.entries.get(str(key))
        return None if entry is None or entry.deleted else entry

    def __iter__(self) -> Iterator[StoredRecord]:
        """Newest start first."""
        return reversed(self._sorted)

    def put(self, entry: StoredRecord, start: int, end: int) -> None:
        """Add a record, or move it to a new interval."""
        if entry.key in self.entries:
            self._remove(entry)
        self.entries[entry.key] = entry
        entry.start, entry.end = start, end
        if end == NO_END:
            self._open.add(entry)
        else:
            self._longest = max(self._longest, end - start)
        if not entry.deleted:
            place = (start, entry.serial)
            index = bisect_left(self._order, place)
            self._order.insert(index, place)
            self._sorted.insert(index, entry)

    def mark(self, entry: StoredRecord, *, deleted: bool) -> None:
        self._remove(entry)
        entry.deleted = deleted
        self.put(entry, entry.start, entry.end)

    def overlapping(
        self, start: int | None, end: int, skip: int, count: int
    ) -> tuple[list[StoredRecord], bool]:
        """Find records that overlap the interval, newest first.

        Returns:
            `count` records after the first `skip`, and whether more follow.
        """
        high = bisect_left(self._order, (end, -1))
        if start is None:
            low, early = 0, []
        else:
            low = min(bisect_left(self._order, (start, -1)), high)
            first = bisect_left(self._order, (start - self._longest, -1))
            for entry in self._open:
                if not entry.deleted:
                    first = min(first, bisect_left(self._order, (entry.start, entry.serial)))
            early = [entry for entry in self._sorted[first:low] if entry.end >= start]
        surely = high - low
        page = self._sorted[max(low, high - skip - count) : max(low, high - skip)][::-1]
        if len(page) < count and early:
            passed = max(0, skip - surely)
            page += early[::-1][passed : passed + count - len(page)]
        return page, surely + len(early) > skip + count

    def _remove(self, entry: StoredRecord) -> None:
        self._open.discard(entry)
        place = (entry.start, entry.serial)
        index = bisect_left(self._order, place)
        if index < len(self._order) and self._order[index] == place:
            del self._order[index]
            del self._sorted[index]


class MemberRecords:
    """The four streams of a member, and the operations create, open, change, delete and undelete."""

    def __init__(self, *, floating_offsets: bool) -> None:
        self.streams = {stream: StreamRecords(stream) for stream in STREAMS}
        self._floating = floating_offsets
        self._serial = 0

    def create(
        self, stream: str, record: Record, open_cycle: OpenCycle | None = None, *, own_offset: bool = False
    ) -> None:
        """Add a record. With `own_offset` the API shows the record's own offset."""
        self._serial += 1
        floating = self._floating and not own_offset and stream in (SLEEPS, WORKOUTS)
        entry = StoredRecord(stream, record, self._serial, floating, open_cycle)
        former = self.streams[stream].entries.get(entry.key)
        if former is not None:
            self.streams[stream].mark(former, deleted=True)
        self.streams[stream].put(entry, *self._interval(entry))
        if stream == SLEEPS:
            self._follow_sleep(entry.key)

    def open(self, key: str, open_cycle: OpenCycle) -> None:
        """Show the growing score of an open cycle."""
        entry = self.streams[CYCLES].entries[key]
        entry.record = merged(entry.record, {"score_state": "SCORED"})
        entry.open_cycle = open_cycle
        entry.changed()

    def change(self, stream: str, key: str, changes: Record, *, manual: bool = False) -> None:
        entry = self.streams[stream].entries[key]
        if stream == CYCLES and changes.get("end") is not None:
            entry.open_cycle = None
            entry.pinned = {}
        if entry.open_cycle is not None:
            if changes.get("score_state", "SCORED") != "SCORED":
                entry.open_cycle = None
            elif manual:
                pinned: Record = {name: changes[name] for name in ("score", "step_count") if name in changes}
                entry.pinned = merged(entry.pinned, pinned)
        if manual and "timezone_offset" in changes:
            entry.floating_offset = False
        entry.change(changes)
        if "start" in changes or "end" in changes:
            self.streams[stream].put(entry, *self._interval(entry))
            if stream == SLEEPS:
                self._follow_sleep(key)

    def delete(self, stream: str, key: str) -> None:
        self.streams[stream].mark(self.streams[stream].entries[key], deleted=True)

    def undelete(self, stream: str, key: str) -> None:
        self.streams[stream].mark(self.streams[stream].entries[key], deleted=False)

    def _follow_sleep(self, sleep_id: str) -> None:
        recovery = self.streams[RECOVERIES].entries.get(sleep_id)
        if recovery is not None:
            self.streams[RECOVERIES].put(recovery, *self._interval(recovery))

    def _interval(self, entry: StoredRecord) -> tuple[int, int]:
        """The interval for filters; a recovery uses that of its sleep."""
        if entry.stream == RECOVERIES:
            relatives = (
                self.streams[SLEEPS].entries.get(entry.key),
                self.streams[CYCLES].entries.get(str(entry.record["cycle_id"])),
            )
            for relative in relatives:
                if relative is not None:
                    return relative.start, relative.end
            created = from_text(entry.record["created_at"])
            return created, created
        start, end = entry.record["start"], entry.record.get("end")
        return from_text(start), NO_END if end is None else from_text(end)
