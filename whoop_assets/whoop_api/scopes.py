"""OAuth scopes, and the stream that each one permits to read."""

from __future__ import annotations

from collections.abc import Iterable

# `read:workout` is singular and `read:cycles` is plural: this is WHOOP's spelling.
SCOPE_OF = {
    "profile": "read:profile",
    "body_measurement": "read:body_measurement",
    "cycles": "read:cycles",
    "sleeps": "read:sleep",
    "recoveries": "read:recovery",
    "workouts": "read:workout",
}
STREAM_NAMES = tuple(SCOPE_OF)

OFFLINE = "offline"
"""Without it WHOOP issues no refresh token, and the access token expires after an hour."""
SCOPES = (OFFLINE, *SCOPE_OF.values())
REQUIRED_SCOPES = frozenset({OFFLINE, SCOPE_OF["profile"], SCOPE_OF["cycles"]})


def missing(granted: Iterable[str], wanted: Iterable[str] = REQUIRED_SCOPES) -> frozenset[str]:
    """Return the wanted scopes that were not granted; by default of the required ones."""
    return frozenset(wanted) - frozenset(granted)


def allows(granted: Iterable[str], stream_name: str) -> bool:
    """Return whether these scopes permit to read this stream, one of STREAM_NAMES."""
    return SCOPE_OF[stream_name] in frozenset(granted)
