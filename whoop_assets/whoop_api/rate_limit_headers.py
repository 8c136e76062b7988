"""WHOOP's rate-limit headers, in the format of draft-polli-ratelimit-headers-05:

    X-RateLimit-Limit: 100, 100;window=60, 10000;window=86400
    X-RateLimit-Remaining: 98
    X-RateLimit-Reset: 3

The first number is the limit nearest to being used up; Remaining and Reset are about that one. Reset is
seconds to wait. What cannot be read is no information: None, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_COUNT = re.compile(r"[0-9]{1,12}")
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_WINDOW = re.compile(r"window[ \t]*=[ \t]*([0-9]{1,12})", re.IGNORECASE)
LONGEST_WINDOW = 86_400
"""Seconds. What is said of longer windows, or of a longer wait, is not WHOOP's: no information either (an epoch, say)."""
MOST_REQUESTS = 2**31 - 1


@dataclass(frozen=True)
class RateLimit:
    """`limits` are (requests, window in seconds); the other three are about the nearest limit."""

    limits: tuple[tuple[int, int], ...]
    nearest: int
    remaining: int
    reset_seconds: float


def parse(headers: Mapping[str, str]) -> RateLimit | None:
    """The limits an answer stated; None unless limit, remaining and reset are all there and readable."""
    stated = _policies(_field(headers, "X-RateLimit-Limit"))
    remaining = _COUNT.fullmatch(_field(headers, "X-RateLimit-Remaining"))
    reset = _seconds(_field(headers, "X-RateLimit-Reset"))
    if stated is None or remaining is None or reset is None:
        return None
    nearest, limits = stated
    return RateLimit(limits, nearest, int(remaining[0]), reset)


def seconds_to_wait(headers: Mapping[str, str], now: datetime, *, limited: bool) -> float | None:
    """How long WHOOP asks to wait: on a 429 (`limited`) X-RateLimit-Reset, else Retry-After (or its date).

    A 5xx may carry X-RateLimit-Reset, as every answer may, but that is not why it failed.
    """
    reset = _seconds(_field(headers, "X-RateLimit-Reset")) if limited else None
    if reset is not None:
        return reset
    stated = _field(headers, "Retry-After")
    seconds = _seconds(stated)
    if seconds is not None or not stated:
        return seconds
    try:
        at = parsedate_to_datetime(stated)
    except (ValueError, OverflowError):
        return None
    # A date that names no zone ("-0000") is UTC by RFC 9110.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - now).total_seconds())


def _field(headers: Mapping[str, str], name: str) -> str:
    return (headers.get(name.lower()) or headers.get(name) or "").strip()


def _seconds(text: str) -> float | None:
    seconds = float(text) if _SECONDS.fullmatch(text) else None
    return seconds if seconds is not None and seconds <= LONGEST_WINDOW else None


@lru_cache(maxsize=64)  # the same few texts come with every answer
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
            if 1 <= window <= LONGEST_WINDOW and requests <= MOST_REQUESTS:
                limits[window] = min(requests, limits.get(window, requests))
    return int(first), tuple((requests, window) for window, requests in limits.items())
