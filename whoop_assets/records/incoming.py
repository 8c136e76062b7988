"""What a load hands over to be stored: one answer about one record, as its columns."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

KEY = {"cycles": "id", "sleeps": "id", "recoveries": "sleep_id", "workouts": "id"}
"""The natural key of each stream. A recovery's is its sleep: naps can have a recovery of the same cycle."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One answer about one record.

    `fields` are the table's columns that the record itself gives; `requested_at` is when the request that gave it was
    sent, by the clock that all processes share.
    """

    key: Any
    fields: dict[str, Any]
    requested_at: datetime
    endpoint: str

    @property
    def order(self) -> tuple[datetime, datetime]:
        """Newer answers sort higher: first WHOOP's word, then ours."""
        return self.fields["updated_at"], self.requested_at
