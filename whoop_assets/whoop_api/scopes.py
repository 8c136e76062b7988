"""OAuth scopes, and the stream that each one permits to read."""

from __future__ import annotations

from collections.abc import Iterable

from whoop_assets.whoop_api.streams import ALL_STREAMS, CYCLES, PROFILE

SCOPE_OF = {name: stream.scope for name, stream in ALL_STREAMS.items()}

OFFLINE = "offline"
"""Without it WHOOP issues no refresh token, and the access token expires after an hour."""
SCOPES = (OFFLINE, *SCOPE_OF.values())
REQUIRED_SCOPES = frozenset({OFFLINE, PROFILE.scope, CYCLES.scope})


def missing(granted: Iterable[str], wanted: Iterable[str] = REQUIRED_SCOPES) -> frozenset[str]:
    """Return the wanted scopes that were not granted; by default of the required ones."""
    return frozenset(wanted) - frozenset(granted)


def allows(granted: Iterable[str], stream_name: str) -> bool:
    """Return whether these scopes permit to read this stream."""
    return SCOPE_OF[stream_name] in frozenset(granted)


def not_granted(granted: Iterable[str]) -> list[str]:
    """Return the streams that these scopes do not permit to read."""
    scopes = frozenset(granted)
    return [name for name, scope in SCOPE_OF.items() if scope not in scopes]
