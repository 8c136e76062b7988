"""WHOOP's four collections, one row each: where they are, what they need, what they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from whoop_assets.whoop_api.errors import InvalidIdentifier
from whoop_assets.whoop_api.models import Cycle, Recovery, Sleep, Workout
from whoop_assets.whoop_api.scopes import REQUIRED_SCOPES, SCOPE_OF, SCOPES, STREAM_NAMES

_INT64 = re.compile(r"[0-9]{1,19}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Key = int | str | UUID


@dataclass(frozen=True)
class Stream:
    """`record_path` takes the id of one record; a recovery has none, and is asked for by its cycle's.

    `key` names the field that is unique within the stream.
    """

    name: str
    path: str
    record_path: str
    scope: str
    model: type[Cycle] | type[Sleep] | type[Recovery] | type[Workout]
    key: str

    def record_url_path(self, key: Key) -> str:
        """The path of one record. Raises InvalidIdentifier for what cannot be an id of this stream."""
        by_uuid = self.name in ("sleeps", "workouts")
        return self.record_path.format(id=valid_uuid(key) if by_uuid else valid_int64(key))


def valid_int64(key: Key) -> str:
    """The id of a cycle as it goes in a URL."""
    text = str(key)
    if isinstance(key, bool) or not _INT64.fullmatch(text) or int(text) >= 2**63:
        raise InvalidIdentifier("Not a cycle id of WHOOP's (a whole number below 2^63): nothing was asked.")
    return str(int(text))


def valid_uuid(key: Key) -> str:
    """The id of a sleep or workout as it goes in a URL: lower case."""
    text = str(key)
    if not _UUID.fullmatch(text):
        raise InvalidIdentifier("Not a sleep or workout id of WHOOP's (a UUID): nothing was asked.")
    return text.lower()


CYCLES = Stream("cycles", "/v2/cycle", "/v2/cycle/{id}", SCOPE_OF["cycles"], Cycle, "id")
SLEEPS = Stream("sleeps", "/v2/activity/sleep", "/v2/activity/sleep/{id}", SCOPE_OF["sleeps"], Sleep, "id")
RECOVERIES = Stream(
    "recoveries", "/v2/recovery", "/v2/cycle/{id}/recovery", SCOPE_OF["recoveries"], Recovery, "sleep_id"
)
WORKOUTS = Stream(
    "workouts", "/v2/activity/workout", "/v2/activity/workout/{id}", SCOPE_OF["workouts"], Workout, "id"
)

STREAMS = {stream.name: stream for stream in (CYCLES, SLEEPS, RECOVERIES, WORKOUTS)}

__all__ = [
    "CYCLES",
    "RECOVERIES",
    "REQUIRED_SCOPES",
    "SCOPES",
    "SCOPE_OF",
    "SLEEPS",
    "STREAMS",
    "STREAM_NAMES",
    "WORKOUTS",
    "Key",
    "Stream",
    "valid_int64",
    "valid_uuid",
]
