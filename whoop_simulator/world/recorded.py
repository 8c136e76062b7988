"""Reads recorded API records from JSON files, which the simulator serves instead of generated ones.

A folder holds, each optional: cycles.json, sleeps.json, recoveries.json, workouts.json (a list of API
records, or a page {"records": [...]}, or one record) and profile.json, body_measurement.json (an object, or a
list of objects). The `user_id` identifies a member. A body measurement has none and belongs to the folder's
only member. Subfolders are read in the same way, for several members. Records are served unchanged.
"""

import json
from pathlib import Path
from typing import Any

from whoop_simulator.errors import SimulatorError
from whoop_simulator.physiology.personas import Persona, make_persona
from whoop_simulator.timestamps import from_text
from whoop_simulator.world.operations import Operation
from whoop_simulator.world.records import KEY, STREAMS, Record

REQUIRED_FIELDS = {
    "cycles": ("id", "user_id", "created_at", "updated_at", "start", "score_state", "timezone_offset"),
    "sleeps": ("id", "user_id", "cycle_id", "created_at", "updated_at", "start", "end", "score_state"),
    "recoveries": ("cycle_id", "sleep_id", "user_id", "created_at", "updated_at", "score_state"),
    "workouts": ("id", "user_id", "created_at", "updated_at", "start", "end", "score_state"),
    "profile": ("user_id",),
    "body_measurement": (),
}


class Recorded:
    """A member from files. All records are visible at any time."""

    floating_offsets = False

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.v1_ids: dict[int, str] = {}
        self.persona: Persona = make_persona(0, 0)
        self._operations: list[Operation] = []
        self._offset, self._newest = "Z", -1
        self._profile: Record = {
            "user_id": user_id,
            "email": f"member-{user_id}@example.com",
            "first_name": "Recorded",
            "last_name": "Member",
        }
        self._body: Record | None = None

    def take(self, kind: str, record: Record) -> None:
        if kind == "profile":
            self._profile = record
        elif kind == "body_measurement":
            self._body = record
        else:
            self._operations.append(Operation(0, "create", kind, str(record[KEY[kind]]), record))
            if kind == "cycles" and from_text(record["start"]) > self._newest:
                self._newest, self._offset = from_text(record["start"]), record["timezone_offset"]
            if kind in ("sleeps", "workouts") and isinstance(record.get("v1_id"), int):
                self.v1_ids[record["v1_id"]] = record["id"]

    def profile(self, now: int) -> Record:
        return self._profile

    def body_measurement(self, now: int) -> Record | None:
        return self._body

    def offset_text(self, now: int) -> str:
        return self._offset

    def operations_to(self, instant: int) -> list[Operation]:
        return self._operations


def read_recorded(folder: Path) -> dict[int, Recorded]:
    """Read the members of a folder; raise SimulatorError for invalid files."""
    if not folder.is_dir():
        raise SimulatorError(f"{folder} is not a folder: --data needs one with cycles.json, sleeps.json, ...")
    members: dict[int, Recorded] = {}
    for place in (folder, *sorted(child for child in folder.iterdir() if child.is_dir())):
        here: set[int] = set()
        for kind in (*STREAMS, "profile"):
            for index, record in enumerate(_records(place / f"{kind}.json")):
                _check(place / f"{kind}.json", index, kind, record)
                user_id = record["user_id"]
                here.add(user_id)
                members.setdefault(user_id, Recorded(user_id)).take(kind, record)
        file = place / "body_measurement.json"
        for index, record in enumerate(_records(file)):
            owner = record.get("user_id") if isinstance(record, dict) else None
            if owner is None and len(here) == 1:
                owner = next(iter(here))
            if owner not in members or not isinstance(record, dict):
                raise SimulatorError(f"{file}: record {index} belongs to no known member: give it a user_id")
            members[owner].take("body_measurement", record)
    if not members:
        raise SimulatorError(f"{folder} holds no records: put cycles.json, sleeps.json, ... into it")
    return members


def _records(file: Path) -> list[Any]:
    if not file.is_file():
        return []
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SimulatorError(f"{file} cannot be read as JSON ({error}): give API records") from None
    if isinstance(content, dict):
        content = content.get("records", [content])
    if not isinstance(content, list):
        raise SimulatorError(f"{file} must hold a list of records, a page with `records`, or one object")
    return content


def _check(file: Path, index: int, kind: str, record: Any) -> None:
    if not isinstance(record, dict):
        raise SimulatorError(f"{file}: record {index} is not a JSON object: give API records")
    if missing := [name for name in REQUIRED_FIELDS[kind] if name not in record]:
        raise SimulatorError(f"{file}: record {index} lacks {', '.join(missing)}: give whole v2 API records")
    if type(record["user_id"]) is not int:
        raise SimulatorError(f"{file}: record {index} has a user_id that is not an integer")
    for name in ("start", "end", "created_at", "updated_at"):
        if record.get(name) is not None:
            try:
                from_text(record[name])
            except (TypeError, ValueError) as error:
                raise SimulatorError(f"{file}: record {index}, {name}: {error}") from None
