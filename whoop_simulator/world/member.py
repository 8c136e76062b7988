"""One simulated member: profile, body measurement, and the records that are visible at the clock's time."""

import heapq
import json
from typing import Any

from whoop_simulator.physiology.history import History
from whoop_simulator.timestamps import DAY, HOUR
from whoop_simulator.world.operations import Operation
from whoop_simulator.world.recorded import Recorded
from whoop_simulator.world.records import STREAMS, MemberRecords, Record, merged

Source = History | Recorded
"""The source of a member's operations: a history generated from a seed, or recorded files."""


class SimulatedMember:
    def __init__(self, user_id: int, source: Source) -> None:
        self.user_id = user_id
        self.source = source
        self.manual: list[Operation] = []
        self.profile_changes: dict[str, Record] = {"profile": {}, "body_measurement": {}}
        self.body_deleted = False
        self.records = MemberRecords(floating_offsets=source.floating_offsets)
        self.now = -1
        """The time of the visible records, in milliseconds since 1970."""
        self.unannounced: list[Operation] = []
        """Changes without a webhook event so far.

        Each change is listed once, even if the clock moves back.
        """
        self._announced_until: int | None = None
        self._operations_read = 0
        self._pending: list[tuple[int, int, int, Operation]] = []
        self._offset_until = -1
        self._offset = ""

    def move_to(self, now: int) -> None:
        """Show the records of the time `now`. Moving back replays all operations from the beginning."""
        if now == self.now:
            return
        if now < self.now:
            self._reset()
        self.now = now
        if self._announced_until is None:
            self._announced_until = now  # earlier changes get no event
        operations = self.source.operations_to(now + 3 * DAY)
        if self._operations_read < len(operations):
            self._pending += [
                (operations[serial].at, 0, serial, operations[serial])
                for serial in range(self._operations_read, len(operations))
            ]
            self._pending.sort()
            self._operations_read = len(operations)
        while self._pending and self._pending[0][0] <= now:
            operation = heapq.heappop(self._pending)[3]
            operation.apply(self.records)
            if operation.at > self._announced_until:
                self.unannounced.append(operation)
        self._announced_until = max(self._announced_until, now)

    def next_change(self) -> int | None:
        """The time of the next change within three days, or None."""
        return self._pending[0][0] if self._pending else None

    def _reset(self) -> None:
        self.records = MemberRecords(floating_offsets=self.source.floating_offsets)
        self.now = -1
        self._operations_read = 0
        self._pending = [(done.at, 1, serial, done) for serial, done in enumerate(self.manual)]
        heapq.heapify(self._pending)
        self._offset_until = -1

    def apply_now(self, operation: Operation) -> None:
        """Apply a manual operation, and keep it for later replays."""
        operation.apply(self.records)
        self.manual.append(operation)
        self.unannounced.append(operation)

    def restore(self, state: dict[str, Any]) -> None:
        self.manual = [Operation.from_json(saved) for saved in state["operations"]]
        self.profile_changes = {name: dict(state["profile_changes"][name]) for name in self.profile_changes}
        self.body_deleted = state.get("body_deleted", False)
        self._announced_until = state.get("told_until_milli")
        self._reset()

    def offset_text(self, now: int) -> str:
        if not self._offset_until - HOUR <= now < self._offset_until:
            # Cached for an hour, because every record of every page needs it.
            hour = now // HOUR * HOUR
            self._offset, self._offset_until = self.source.offset_text(hour), hour + HOUR
        return self._offset

    def truth(self, now: int) -> dict[str, list[Record]]:
        """The visible records as a client parses them. The caller may change the result."""
        offset = self.offset_text(now)
        return {
            stream: [
                json.loads(entry.json(now, offset))
                for entry in self.records.streams[stream]
                if entry.start < now
            ]
            for stream in STREAMS
        }

    def profile(self, now: int) -> Record | None:
        profile = self.source.profile(now)
        return None if profile is None else merged(profile, self.profile_changes["profile"])

    def body_measurement(self, now: int) -> Record | None:
        body = None if self.body_deleted else self.source.body_measurement(now)
        return None if body is None else merged(body, self.profile_changes["body_measurement"])

    def state(self) -> dict[str, Any]:
        return {
            "operations": [operation.to_json() for operation in self.manual],
            "profile_changes": self.profile_changes,
            "body_deleted": self.body_deleted,
            "told_until_milli": self._announced_until,
        }
