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
    """Makes edits and logs them."""

    control: Control
    members: list[int]
    rng: random.Random
    done: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    _numbers: int = 0

    def do(self, now: datetime) -> None:
        """Make one random edit of a random member."""
        user_id = self.rng.choice(self.members)
        kinds = {
            self.random_edit: 62,
            self.rescore_an_old_cycle: 9,
            self.nap_of_days_ago: 8,
            self.move_to_another_day: 9,
            self.delete_three: 7,
            self.delete_cycle_and_night: 2,
            self.bring_back: 3,
        }
        touched = self.rng.choices(list(kinds), list(kinds.values()))[0](user_id, now)
        if not touched:
            return
        truth = self.control.get(f"truth/{user_id}")
        for stream, key in touched:
            content = next((one for one in truth[stream] if str(one[KEY[stream]]) == key), None)
            self.changes.append(Change(user_id, stream, key, now, content))

    def _did(self, what: str, touched: list[dict[str, str]]) -> list[tuple[str, str]]:
        if touched:
            self.done[what] = self.done.get(what, 0) + 1
        return [(one["stream"], one["id"]) for one in touched]

    def _closed(self, user_id: int, stream: str) -> list[dict[str, Any]]:
        return [one for one in self.control.get(f"truth/{user_id}")[stream] if one.get("end", "") is not None]

    def random_edit(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        self._numbers += 1
        found = []
        for one in self.control.post("random_edits", user_id=user_id, count=1, seed=self._numbers):
            found += self._did(one["action"], one["touched"])
        return found

    def rescore_an_old_cycle(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        """Edit a cycle; WHOOP sends no webhook for it."""
        cycles = self._closed(user_id, "cycles")
        if not cycles:
            return []
        one = self.rng.choice(cycles)
        answer = self.control.post("rescore", user_id=user_id, stream="cycles", id=one["id"])
        return self._did("rescore_cycle", answer["touched"])

    def nap_of_days_ago(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        cycles = [
            one for one in self._closed(user_id, "cycles") if moment(one["start"]) < now - timedelta(days=2)
        ]
        if not cycles:
            return []
        one = self.rng.choice(cycles[:6])
        start = moment(one["start"]) + timedelta(hours=self.rng.uniform(10, 13))
        end = start + timedelta(minutes=self.rng.randint(20, 80))
        if end >= moment(one["end"]):
            return []
        record = {"start": start.isoformat(), "end": end.isoformat(), "nap": True}
        nap = self.control.post("add", user_id=user_id, stream="sleeps", record=record)
        return self._did("late_nap", [{"stream": "sleeps", "id": nap["id"]}])

    def move_to_another_day(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        workouts = self._closed(user_id, "workouts")
        if not workouts:
            return []
        one = self.rng.choice(workouts)
        by = timedelta(days=self.rng.choice((-2, -1, 1, 2)))
        start, end = moment(one["start"]) + by, moment(one["end"]) + by
        if end >= now:
            return []
        changes = {"start": start.isoformat(), "end": end.isoformat()}
        answer = self.control.post("edit", user_id=user_id, stream="workouts", id=one["id"], changes=changes)
        return self._did("move_to_another_day", answer["touched"])

    def delete_three(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        """Edit a night, its recovery, and a workout of the next day at once."""
        nights = [one for one in self._closed(user_id, "sleeps") if not one["nap"]]
        workouts = self._closed(user_id, "workouts")
        if not nights or not workouts:
            return []
        night, workout = self.rng.choice(nights), self.rng.choice(workouts)
        touched = self.control.post("delete", user_id=user_id, stream="sleeps", id=night["id"])["touched"]
        touched += self.control.post("delete", user_id=user_id, stream="workouts", id=workout["id"])[
            "touched"
        ]
        return self._did("delete_three", touched)

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
        return self._did("delete_cycle_and_night", touched)

    def bring_back(self, user_id: int, now: datetime) -> list[tuple[str, str]]:
        """Restore a record that was deleted some time ago."""
        gone = [one for one in self.changes if one.content is None and one.stream == "workouts"]
        if not gone:
            return []
        one = self.rng.choice(gone)
        try:
            answer = self.control.post("undelete", user_id=one.user_id, stream=one.stream, id=one.key)
        except RuntimeError:
            return []  # already restored
        if one.user_id != user_id:
            truth = self.control.get(f"truth/{one.user_id}")[one.stream]
            self.changes += [
                Change(one.user_id, one.stream, one.key, now, record)
                for record in truth
                if record["id"] == one.key
            ]
            self._did("bring_back", answer["touched"])
            return []
        return self._did("bring_back", answer["touched"])
