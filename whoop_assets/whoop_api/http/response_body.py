"""Reads a whole HTTP response within a limit on time and size.

httpx limits the wait for the next bytes, not the total. A response that arrives a few bytes at a time would
otherwise block a load without end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

MAX_RESPONSE_SECONDS = 60.0
"""From the headers to the last byte."""
MAX_RESPONSE_BYTES = 16 * 2**20
"""After decompression. A page of 25 records has about 30,000 bytes."""


class ResponseTooLarge(Exception):
    """The body has more than `MAX_RESPONSE_BYTES`."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A complete response.

    Attributes:
        status_code: HTTP status.
        headers: Values by lower-case name. Repeated headers are joined with commas.
        content: The decompressed body.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status_code < 300

    def json(self) -> Any:
        """Parse the body. Raises ValueError or RecursionError if it is not JSON."""
        return json.loads(self.content)


def receive(
    http: httpx.Client, request: httpx.Request, *, max_seconds: float = MAX_RESPONSE_SECONDS
) -> RawResponse:
    """Send the request and read the whole response. Does not follow redirects.

    Args:
        max_seconds: Limit from the headers to the last byte.

    Raises:
        httpx.RequestError: No response, an incomplete response, or one slower than `max_seconds`.
        ResponseTooLarge: The body exceeds `MAX_RESPONSE_BYTES`.
    """
    response = http.send(request, stream=True, follow_redirects=False)
    try:
        # Real time, because the injected clock knows nothing of the network.
        deadline = time.monotonic() + max_seconds
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("The response is too slow.", request=request)
    finally:
        response.close()
    return RawResponse(response.status_code, dict(response.headers.items()), bytes(body))
