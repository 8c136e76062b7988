"""Sends a response, changed by the injected faults."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Scope, Send

from whoop_simulator.http.faults import Fault

BODYLESS = (204, 304)
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HttpResponse:
    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: Headers = ()


async def send_response(
    scope: Scope,
    send: Send,
    answer: HttpResponse,
    headers: Headers,
    faults: dict[str, Fault],
    abort: Callable[[Scope], None],
) -> None:
    """Send a response, changed by the faults. `abort` resets the connection of the request."""
    if "stall" in faults:
        await asyncio.sleep(faults["stall"].seconds)
    if "reset" in faults:
        abort(scope)
        return
    if "not_json" in faults and answer.status == 200:
        answer = HttpResponse(
            200, "<html><body><h1>One moment, please</h1></body></html>", "text/html; charset=utf-8"
        )
    body = b"" if answer.status in BODYLESS else answer.body.encode()
    if "answer" in faults:
        headers += tuple(faults["answer"].headers.items())
    headers += answer.headers
    sent = [(name.lower().encode(), value.encode()) for name, value in headers]
    if answer.status not in BODYLESS:
        sent.append((b"content-length", str(len(body)).encode()))
    if body:
        sent.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": sent})
    if "truncate" in faults:
        # Incomplete: the server closes the connection before the announced length is reached.
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        return
    if "drip" in faults:
        for place in range(len(body)):
            await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": True})
            await asyncio.sleep(faults["drip"].seconds)
        body = b""
    await send({"type": "http.response.body", "body": body})
