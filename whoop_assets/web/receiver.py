"""POST /webhooks/whoop: checks signature, age and format, and answers 2xx after the event is committed.

204  the event is stored, now or before
400  signed by WHOOP, but not an event; or the client disconnected
401  not signed by WHOOP, or too old
408  the body did not arrive within ten seconds
413  the body is larger than any event
503  the event could not be stored: WHOOP sends it again
"""

import asyncio
import logging
import time
from datetime import timedelta

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from whoop_assets.clock import Clock
from whoop_assets.errors import WhoopError
from whoop_assets.web.group_commit import InboxWriter
from whoop_assets.web.metrics import Metrics
from whoop_assets.webhooks.inbox import delivery_of
from whoop_assets.whoop_api.webhooks import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    NotAnEvent,
    NotWhoops,
    StaleSignature,
    verify,
)

MAX_BODY_BYTES = 64 * 1024
"""WHOOP's events have about 200 bytes."""
MAX_BODY_SECONDS = 10.0
"""A body that takes longer gets a 408."""

log = logging.getLogger(__name__)


class TooLarge(Exception):
    """The body is larger than MAX_BODY_BYTES."""


class Receiver:
    """The endpoint. Counts each delivery in `metrics`."""

    def __init__(
        self, writer: InboxWriter, metrics: Metrics, *, secret: str, max_age: timedelta, clock: Clock
    ) -> None:
        self._writer = writer
        self._secret = secret
        self._max_age = max_age
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        began = time.perf_counter()
        outcome, response = await self._receive(request)
        self._metrics.count_delivery(outcome, time.perf_counter() - began)
        return response

    async def _receive(self, request: Request) -> tuple[str, Response]:
        try:
            async with asyncio.timeout(MAX_BODY_SECONDS):
                body = await _body(request)
            sent_at = verify(
                self._secret,
                request.headers.get(TIMESTAMP_HEADER),
                request.headers.get(SIGNATURE_HEADER),
                body,
                now=self._clock.now(),
                max_age=self._max_age,
            )
            delivery = delivery_of(body, sent_at)
        except TooLarge:
            return "too_large", _refusal(413, "The body is too large.")
        except TimeoutError:
            return "too_slow", _refusal(408, "The body did not come in time.")
        except ClientDisconnect:
            return "broken_off", _refusal(400, "The body did not come.")
        except StaleSignature:
            return "stale", _refusal(401, "The signature is too old, or from the future.")
        except NotWhoops:
            return "unsigned", _refusal(401, "This is not signed by WHOOP.")
        except NotAnEvent as error:
            # WHOOP may have changed the format of its events.
            log.warning("A signed delivery was refused. %s", error)
            return "malformed", _refusal(400, str(error))
        try:
            outcome = await self._writer.store(delivery)
        except WhoopError:
            return "not_stored", _refusal(503, "The event could not be stored: send it again.")
        return outcome, Response(status_code=204)


async def _body(request: Request) -> bytes:
    """Return the raw body. Raises TooLarge before more than the limit is in memory."""
    announced = request.headers.get("content-length", "0")
    if len(announced) > 9 or int(announced) > MAX_BODY_BYTES:
        raise TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge
    return bytes(body)


def _refusal(status: int, sentence: str) -> Response:
    # The rest of the body may be unread, so the connection cannot carry another request.
    headers = {"Connection": "close"} if status in (408, 413) else None
    return PlainTextResponse(sentence + "\n", status, headers)
