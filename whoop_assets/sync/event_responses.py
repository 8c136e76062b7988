"""What WHOOP answered about the records that events name, until it is stored in one transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from whoop_assets.records.quarantine import Rejected
from whoop_assets.records.record_lookup import Whereabouts
from whoop_assets.sync.parsing import Taken
from whoop_assets.whoop_api.streams import Stream


@dataclass
class Found:
    """What WHOOP answered, by stream; `asked`: record id -> when it was asked for, for the events that this settles."""

    taken: dict[str, list[Taken]] = field(default_factory=dict)
    rejected: dict[str, list[Rejected]] = field(default_factory=dict)
    gone: dict[str, dict[Any, datetime]] = field(default_factory=dict)
    asked: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def add(self, stream: Stream, one: Taken | Rejected) -> None:
        if isinstance(one, Taken):
            self.taken.setdefault(stream.name, []).append(one)
        else:
            self.rejected.setdefault(stream.name, []).append(one)

    def is_gone(self, stream: Stream, key: Any, asked_at: datetime) -> None:
        self.gone.setdefault(stream.name, {})[key] = asked_at

    def answered(self, stream: Stream, key: str, asked_at: datetime) -> None:
        self.asked.setdefault(stream.name, {})[key] = asked_at

    def __bool__(self) -> bool:
        return bool(self.taken or self.rejected or self.gone or self.asked)


def whereabouts_of(one: Taken) -> Whereabouts:
    """Where the answered record lies."""
    fields = one.incoming.fields
    return Whereabouts(one.cycle_id, one.start, fields.get("end_time"), bool(fields.get("nap")))


def key_of(one: Taken | Rejected) -> Any:
    """The record's key; None when it cannot be read."""
    return one.incoming.key if isinstance(one, Taken) else one.key
