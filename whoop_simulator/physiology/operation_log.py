"""Collects the operations of a member's history, and supplies ids and random numbers."""

import random
import uuid
from datetime import date
from zoneinfo import ZoneInfo

from whoop_simulator.physiology.personas import Persona
from whoop_simulator.physiology.scores import OpenCycle, Score
from whoop_simulator.physiology.travel import Itinerary
from whoop_simulator.timestamps import at_local, offset_text
from whoop_simulator.world.operations import Kind, Operation
from whoop_simulator.world.records import RECOVERIES, Record

V1_UNTIL = at_local(ZoneInfo("UTC"), date(2025, 9, 1), 0)
"""Activities before this time have a v1 id, which the mapping endpoint knows."""


class OperationLog:
    def __init__(self, seed: int, persona: Persona, itinerary: Itinerary) -> None:
        self.persona = persona
        self.itinerary = itinerary
        self.rng = random.Random(f"{seed}/{persona.place}/days")
        self.operations: list[Operation] = []
        self.v1_ids: dict[int, str] = {}

    def write(
        self,
        at: int,
        kind: Kind,
        stream: str,
        key: object,
        content: Record,
        open_cycle: OpenCycle | None = None,
    ) -> None:
        self.operations.append(Operation(at, kind, stream, str(key), content, open_cycle))

    def write_scored(self, at: int, stream: str, record: Record, score: Score) -> None:
        key = record["sleep_id"] if stream == RECOVERIES else record["id"]
        self.write(at, "create", stream, key, record | {"score": score})

    def new_uuid(self, start: int) -> str:
        """A new id for a sleep or workout with this start; old ones get a v1 id too."""
        key = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        if start < V1_UNTIL:
            self.v1_ids[500_000_000 + self.persona.place * 10_000_000 + len(self.v1_ids)] = key
        return key

    def offset_text(self, instant: int) -> str:
        return offset_text(self.itinerary.offset_at(instant))
