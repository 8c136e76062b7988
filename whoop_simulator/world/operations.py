"""Operations that change a member's records.

The history generates them, and the control API adds manual ones.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from whoop_simulator.physiology.scores import OpenCycle
from whoop_simulator.world.records import MemberRecords, Record

Kind = Literal["create", "open", "change", "delete", "undelete"]


@dataclass(frozen=True, slots=True)
class Operation:
    at: int
    """The time from which the change is visible, in milliseconds since 1970."""
    kind: Kind
    stream: str
    key: str
    content: Record = field(default_factory=dict)
    """The whole record (create) or its changed fields (change)."""
    open_cycle: OpenCycle | None = None
    manual: bool = False

    def apply(self, records: MemberRecords) -> None:
        match self.kind:
            case "create":
                own_offset = self.manual and "timezone_offset" in self.content
                records.create(self.stream, self.content, self.open_cycle, own_offset=own_offset)
            case "open":
                assert self.open_cycle is not None
                records.open(self.key, self.open_cycle)
            case "change":
                records.change(self.stream, self.key, self.content, manual=self.manual)
            case "delete":
                records.delete(self.stream, self.key)
            case "undelete":
                records.undelete(self.stream, self.key)

    def to_json(self) -> dict[str, Any]:
        """The saved form of a manual operation. Operations of the history follow from the seed."""
        return {
            "at_milli": self.at,
            "kind": self.kind,
            "stream": self.stream,
            "key": self.key,
            "content": self.content,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Operation":
        return cls(
            saved["at_milli"], saved["kind"], saved["stream"], saved["key"], saved["content"], manual=True
        )
