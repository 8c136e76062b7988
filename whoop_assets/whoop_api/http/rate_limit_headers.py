"""Reads WHOOP's rate-limit headers, in the format of draft-polli-ratelimit-headers-05.

    X-RateLimit-Limit: 100, 100;window=60, 10000;window=86400
    X-RateLimit-Remaining: 98
    X-RateLimit-Reset: 3

The first number is the limit closest to exhaustion. Remaining and Reset concern that limit. Reset is a
duration in seconds. Headers that cannot be read count as absent. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from whoop_assets.retry import parse_retry_after
from whoop_assets.whoop_api.protocols import RateLimit

_COUNT = re.compile(r"[0-9]{1,12}")
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_WINDOW = re.compile(r"window[ \t]*=[ \t]*([0-9]{1,12})", re.IGNORECASE)
MAX_WINDOW_SECONDS = 86_400
"""WHOOP has no longer windows. Greater numbers are ignored, for example a Unix time in place of a
duration."""
MAX_REQUESTS = 2**31 - 1


def parse(headers: Mapping[str, str]) -> RateLimit | None:
    """Return the stated limits; None unless all three headers are present and readable."""
    stated = _policies(_field(headers, "X-RateLimit-Limit"))
    remaining = _COUNT.fullmatch(_field(headers, "X-RateLimit-Remaining"))
    reset = _seconds(_field(headers, "X-RateLimit-Reset"))
    if stated is None or remaining is None or reset is None:
        return None
    nearest, limits = stated
    return RateLimit(limits, nearest, int(remaining[0]), reset)


def seconds_to_wait(headers: Mapping[str, str], now: datetime, *, limited: bool) -> float | None:
    """Return the seconds that a response asks to wait; None if it does not say.

    Args:
        now: The time from which a date in Retry-After counts.
        limited: Whether the status is 429. Only then X-RateLimit-Reset counts, and it precedes Retry-After.
    """
    reset = _seconds(_field(headers, "X-RateLimit-Reset")) if limited else None
    return parse_retry_after(_field(headers, "Retry-After"), now) if reset is None else reset


def _field(headers: Mapping[str, str], name: str) -> str:
    return (headers.get(name.lower()) or headers.get(name) or "").strip()


def _seconds(text: str) -> float | None:
    seconds = float(text) if _SECONDS.fullmatch(text) else None
    return seconds if seconds is not None and seconds <= MAX_WINDOW_SECONDS else None


def _policies(text: str) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    first, *rest = (part.strip() for part in text.split(","))
    if not _COUNT.fullmatch(first):
        return None
    limits: dict[int, int] = {}
    for part in rest:
        count, *parameters = (piece.strip() for piece in part.split(";"))
        windows = [found for found in map(_WINDOW.fullmatch, parameters) if found]
        if _COUNT.fullmatch(count) and windows:
            requests, window = int(count), int(windows[0][1])
            if 1 <= window <= MAX_WINDOW_SECONDS and requests <= MAX_REQUESTS:
                limits[window] = min(requests, limits.get(window, requests))
    return int(first), tuple((requests, window) for window, requests in limits.items())
