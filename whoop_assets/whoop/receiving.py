"""An answer is read whole, within a time and a size, or not at all.

httpx bounds the wait for the next bytes, not the sum of the waits: whoever lets an answer drip (a proxy that scans it,
say) would hold a load for ever.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

LONGEST_ANSWER = 60.0
"""Seconds from the answer's headers to its last byte."""
LARGEST_ANSWER = 16 * 2**20
"""Bytes, unpacked. A page of 25 records has some 30 thousand."""

_PACKING = ("content-encoding", "content-length", "transfer-encoding")


class AnswerTooLarge(Exception):
    """It has more bytes than anything that WHOOP sends."""


def receive(
    http: httpx.Client, request: httpx.Request, *, longest: float | None = None, **options: Any
) -> httpx.Response:
    """Send the request, no redirect followed; the whole answer, unpacked. `longest`: seconds, if not LONGEST_ANSWER.

    Raises httpx.RequestError when none comes or it breaks off or drips, AnswerTooLarge.
    """
    response = http.send(request, stream=True, follow_redirects=False, **options)
    try:
        # A real wait, which no clock that a test moves knows anything of.
        give_up = time.monotonic() + (LONGEST_ANSWER if longest is None else longest)
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise AnswerTooLarge
            if time.monotonic() > give_up:
                raise httpx.ReadTimeout("The answer drips.", request=request)
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _PACKING]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)
