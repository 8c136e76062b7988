"""Edits of members in their app: changed, deleted and rescored records, late naps, and moved workouts."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from whoop_assets_tests.support.home import KEY, moment
from whoop_simulator.running import Control


@dataclass(frozen=True)
class Change:
    """A record directly after a change. `content` is None if the record was deleted."""

    user_id: int
    stream: str
    key: str
    at: datetime
    content: dict[str, Any] | None


@dataclass
class MemberEdits:
    """Edits records and logs the changes."""

    control: Control
    members: list[int]
    rng: random.Random
    done: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    _numbers: int = 0

    def edit(self, now: datetime) -> None:
        """Edits a random record of a random member."""
        user_id = self.rng.choice(self.members)
        kinds = {
            self.random_edit: 62,
            self.rescore_an_old_cycle: 9,
            self.nap_of_days_ago: 8,
            self.move_to_another_day: 9,
            self.delete_three: 7,
            self.delete_cycle_and_night: 2,
            self.restore: 3,
        }
        touched = self.rng.choices(list(kinds), list(kinds.values()))[0](user_id, now)
        if not touched:
            return
        truth = self.control.get(f"truth/{user_id}")
        for stream, key in touched:
            content = next((record for record in truth[stream] if str(record[KEY[stream]]) == key), None)
            self.changes.append(Change(user_id, stream, key, now, content))

    def _log(self, action: str, touched: list[dict[str, str]]) -> list[tuple[str, str]]:
        if touched:
            self.done[action] = self.done.get(action, 0) + 1
        return [(change["stream"], change["id"]) for change in touched]

    def _closed(self, user_id: int, stream: str) -> list[dict[str, Any]]:
        return [
            record
            for record in self.control.get(f"truth/{user_id}")[stream]
            if record.get("end", "") is not None
        ]

    def random_edit(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        self._numbers += 1
        found = []
        for edit in self.control.post("random_edits", user_id=user_id, count=1, seed=self._numbers):
            found += self._log(edit["action"], edit["touched"])
        return found

    def rescore_an_old_cycle(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        """Edit a cycle; WHOOP sends no webhook for it."""
        cycles = self._closed(user_id, "cycles")
        if not cycles:
            return []
        cycle = self.rng.choice(cycles)
        response = self.control.post("rescore", user_id=user_id, stream="cycles", id=cycle["id"])
        return self._log("rescore_cycle", response["touched"])

    def nap_of_days_ago(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        cycles = [
            record
            for record in self._closed(user_id, "cycles")
            if moment(record["start"]) < now - timedelta(days=2)
        ]
        if not cycles:
            return []
        cycle = self.rng.choice(cycles[:6])
        start = moment(cycle["start"]) + timedelta(hours=self.rng.uniform(10, 13))
        end = start + timedelta(minutes=self.rng.randint(20, 80))
        if end >= moment(cycle["end"]):
            return []
        record = {"start": start.isoformat(), "end": end.isoformat(), "nap": True}
        nap = self.control.post("add", user_id=user_id, stream="sleeps", record=record)
        return self._log("late_nap", [{"stream": "sleeps", "id": nap["id"]}])

    def move_to_another_day(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        workouts = self._closed(user_id, "workouts")
        if not workouts:
            return []
        workout = self.rng.choice(workouts)
        by = timedelta(days=self.rng.choice((-2, -1, 1, 2)))
        start, end = moment(workout["start"]) + by, moment(workout["end"]) + by
        if end >= now:
            return []
        changes = {"start": start.isoformat(), "end": end.isoformat()}
        response = self.control.post(
            "edit", user_id=user_id, stream="workouts", id=workout["id"], changes=changes
        )
        return self._log("move_to_another_day", response["touched"])

    def delete_three(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        """Edit a night, its recovery, and a workout of the next day at once."""
        nights = [record for record in self._closed(user_id, "sleeps") if not record["nap"]]
        workouts = self._closed(user_id, "workouts")
        if not nights or not workouts:
            return []
        night, workout = self.rng.choice(nights), self.rng.choice(workouts)
        touched = self.control.post("delete", user_id=user_id, stream="sleeps", id=night["id"])["touched"]
        touched += self.control.post("delete", user_id=user_id, stream="workouts", id=workout["id"])[
            "touched"
        ]
        return self._log("delete_three", touched)

    def delete_cycle_and_night(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        cycles = self._closed(user_id, "cycles")[1:]
        if not cycles:
            return []
        cycle = self.rng.choice(cycles)
        touched = []
        for sleep in self._closed(user_id, "sleeps"):
            if sleep["cycle_id"] == cycle["id"]:
                touched += self.control.post("delete", user_id=user_id, stream="sleeps", id=sleep["id"])[
                    "touched"
                ]
        touched += self.control.post("delete", user_id=user_id, stream="cycles", id=cycle["id"])["touched"]
        return self._log("delete_cycle_and_night", touched)

    def restore(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        """Restore a record that was deleted some time ago."""
        deletions = [
            deletion
            for deletion in self.changes
            if deletion.content is None and deletion.stream == "workouts"
        ]
        if not deletions:
            return []
        deletion = self.rng.choice(deletions)
        try:
            response = self.control.post(
                "undelete", user_id=deletion.user_id, stream=deletion.stream, id=deletion.key
            )
        except RuntimeError:
            return []  # Already restored.
        if deletion.user_id != user_id:
            truth = self.control.get(f"truth/{deletion.user_id}")[deletion.stream]
            self.changes += [
                Change(deletion.user_id, deletion.stream, deletion.key, now, record)
                for record in truth
                if record["id"] == deletion.key
            ]
            self._log("restore", response["touched"])
            return []
        return self._log("restore", response["touched"])
