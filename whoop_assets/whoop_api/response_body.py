"""An answer is read whole, within a time and a size, or not at all.

httpx bounds the wait for the next bytes, not the sum of the waits: whoever lets an answer drip (a proxy that scans it,
say) would hold a load for ever.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

LONGEST_ANSWER = 60.0
"""Seconds from the answer's headers to its last byte."""
LARGEST_ANSWER = 16 * 2**20
"""Bytes, unpacked. A page of 25 records has some 30 thousand."""


class NotFinite(float):
    """A number that is JSON to some, and that no database takes: infinite, or none at all.

    A type of its own, as msgspec writes such floats as null.
    """


class ResponseTooLarge(Exception):
    """It has more bytes than anything that WHOOP sends."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer: its status, its headers under their names in lower case, and all of its body, unpacked.

    Of a header that comes several times the values are one list.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status_code < 300

    def json(self) -> Any:
        """The body's JSON. Raises ValueError, RecursionError."""
        try:
            return msgspec.json.decode(self.content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # What is JSON to Python's own reader alone (a number like 1e999, half a surrogate pair) costs its record, not
            # the page: so it is read all the same.
            return json.loads(self.content, parse_float=_number, parse_constant=NotFinite)


def receive(http: httpx.Client, request: httpx.Request, *, longest: float | None = None) -> RawResponse:
    """Send the request, no redirect followed; the whole answer. `longest`: seconds, if not LONGEST_ANSWER.

    Raises httpx.RequestError when none comes or it breaks off or drips, ResponseTooLarge.
    """
    if http.is_closed:
        raise RuntimeError("The HTTP client has been closed.")
    # Of the client its transport alone: redirects, cookies, hooks and a log line of every URL, which its `send` adds,
    # are not wanted, and take a quarter of what a request takes where the answer comes at once.
    response = http._transport_for_url(request.url).handle_request(request)
    try:
        # A real wait, which no clock that a test moves knows anything of.
        give_up = time.monotonic() + (LONGEST_ANSWER if longest is None else longest)
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise ResponseTooLarge
            if time.monotonic() > give_up:
                raise httpx.ReadTimeout("The answer drips.", request=request)
    finally:
        response.close()
    return RawResponse(response.status_code, dict(response.headers.items()), bytes(body))


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else NotFinite(number)
