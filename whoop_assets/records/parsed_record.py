"""One valid record from a WHOOP response, as the columns of its table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """One valid record from one response.

    Attributes:
        key: Natural key of the record in its stream.
        fields: Table columns that the record itself provides. Days and recovery times come later.
        requested_at: Send time of the request, by the database's clock.
        endpoint: Path of the request.
    """

    key: Any
    fields: dict[str, Any]
    requested_at: datetime
    endpoint: str

    @property
    def order(self) -> tuple[datetime, datetime]:
        """Newer responses sort higher: first by WHOOP's `updated_at`, then by send time."""
        return self.fields["updated_at"], self.requested_at

    @property
    def start(self) -> datetime | None:
        """Start of the record; None for a recovery, which has no times."""
        return self.fields.get("start_time")

    @property
    def cycle_id(self) -> int | None:
        """Cycle that the record names; None if its stream has no such field."""
        return self.fields.get("cycle_id")
