"""What a member can grant, and what each grant lets us read."""

from __future__ import annotations

from collections.abc import Iterable

# `read:workout` is singular and `read:cycles` plural: WHOOP's spelling, not a slip.
SCOPE_OF = {
    "profile": "read:profile",
    "body_measurement": "read:body_measurement",
    "cycles": "read:cycles",
    "sleeps": "read:sleep",
    "recoveries": "read:recovery",
    "workouts": "read:workout",
}
STREAM_NAMES = tuple(SCOPE_OF)

OFFLINE = "offline"  # without it there is no refresh token, and the connection ends after an hour
SCOPES = (OFFLINE, *SCOPE_OF.values())
REQUIRED_SCOPES = frozenset({OFFLINE, SCOPE_OF["profile"], SCOPE_OF["cycles"]})


def missing(granted: Iterable[str], wanted: Iterable[str] = REQUIRED_SCOPES) -> frozenset[str]:
    """The wanted scopes (by default those nothing works without) that were not granted."""
    return frozenset(wanted) - frozenset(granted)


def allows(granted: Iterable[str], stream_name: str) -> bool:
    """Whether these scopes let us read this stream; `stream_name` is one of STREAM_NAMES."""
    return SCOPE_OF[stream_name] in frozenset(granted)
