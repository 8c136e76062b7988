"""Webhooks as WHOOP sends them: is it WHOOP's, and what does it say? Pure functions of bytes and a time.

A delivery is a POST of `{"user_id", "id", "type", "trace_id"}` and nothing else: no data, no time of the change. It is
signed with the app's client secret:

    X-WHOOP-Signature = base64(HMAC-SHA256(client secret, X-WHOOP-Signature-Timestamp + body))

where the timestamp is milliseconds since 1970, taken as the text that stands in the header, with nothing between it and
the raw bytes of the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from whoop_assets.errors import WhoopError
from whoop_assets.whoop_api.errors import InvalidIdentifier
from whoop_assets.whoop_api.streams import valid_uuid

SIGNATURE_HEADER = "X-WHOOP-Signature"
TIMESTAMP_HEADER = "X-WHOOP-Signature-Timestamp"
AHEAD = timedelta(minutes=5)
"""A signature may be so far in the future: two clocks are never the same."""

STREAM_OF = {"sleep": "sleeps", "recovery": "recoveries", "workout": "workouts"}
KNOWN_TYPES = {
    f"{kind}.{what}": stream for kind, stream in STREAM_OF.items() for what in ("updated", "deleted")
}

UNKNOWN_TYPE = "This version of whoop-assets does not know events of this type."
OLD_ID = (
    "The id is a number, as WHOOP's v1 had them: choose model version v2 for the webhook in the Developer Dashboard;"
    " `whoop-assets migrate-v1` finds the ids of what has come."
)

_TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)
_GRAPHIC = re.compile(r"[!-~]+", re.ASCII)
_MOST_BRACKETS = 64
"""WHOOP's event has one; deeper than this no parser, ours or the database's, has to go."""


class NotWhoops(WhoopError):
    """The delivery does not carry a good signature."""


class StaleSignature(NotWhoops):
    """The signature is good, but too old (or from the future): perhaps a recording, sent again."""


class NotAnEvent(WhoopError):
    """The body is not an event. The message says why and quotes nothing."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What WHOOP announced.

    `record_id`: the UUID of the sleep or workout, lower case; of a recovery event its sleep's. `stream` is None for a
    type that is not known; `refusal` says why nothing can be loaded for the event, None when something can.
    """

    trace_id: str
    user_id: int
    type: str
    record_id: str | None
    stream: str | None
    refusal: str | None = None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What WHOOP writes into X-WHOOP-Signature: see the formula above."""
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def verify(
    secret: str, timestamp: str | None, given: str | None, body: bytes, *, now: datetime, max_age: timedelta
) -> datetime:
    """The time of the signature, if it is WHOOP's and not older than `max_age`.

    The comparison takes the same time whatever was given. Raises NotWhoops and its StaleSignature.
    """
    if timestamp is None or given is None or not _TIMESTAMP.fullmatch(timestamp):
        raise NotWhoops("The delivery is not signed.")
    expected = signature(secret, timestamp, body)
    # Without a secret everybody could sign.
    if not secret or not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
        raise NotWhoops("The signature does not fit the delivery.")
    try:
        signed_at = datetime.fromtimestamp(int(timestamp) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise StaleSignature("The signature is of no time.") from None
    if not now - max_age <= signed_at <= now + AHEAD:
        raise StaleSignature("The signature is too old, or from the future.")
    return signed_at


def read_event(body: bytes) -> WebhookEvent:
    """The event in the body; raises NotAnEvent.

    Strict in what it uses: a JSON object in UTF-8, no key twice, `user_id` and `trace_id` and `type` of their types and
    sizes, the id of a known type a UUID (or v1's number). Fields it does not know are let pass.
    """
    said = _json_object(body)
    user_id, kind, trace_id = (_field(said, name) for name in ("user_id", "type", "trace_id"))
    if type(user_id) is not int or not 0 < user_id < 2**63:
        _refuse("user_id is not a positive 64-bit integer")
    if not _is_graphic(kind, 64):
        _refuse("type is not a word of at most 64 characters")
    if not _is_graphic(trace_id, 128):
        _refuse("trace_id is not a word of at most 128 characters")
    stream = KNOWN_TYPES.get(kind)
    key, refusal = _record_id(said, known=stream is not None)
    return WebhookEvent(trace_id, user_id, kind, key, stream, UNKNOWN_TYPE if stream is None else refusal)


def _record_id(said: dict[str, Any], *, known: bool) -> tuple[str | None, str | None]:
    """The id as text, and why nothing can be loaded by it. Of an unknown type it may be anything short, or missing."""
    key = _field(said, "id") if known else said.get("id")
    if type(key) is int and 0 <= key < 2**63:
        return str(key), OLD_ID
    if known:
        with suppress(InvalidIdentifier):
            return valid_uuid(key if isinstance(key, str) else ""), None
        _refuse("id is not a UUID")
    return (key if _is_graphic(key, 128) else None), None


def _json_object(body: bytes) -> dict[str, Any]:
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        _refuse("it is nested too deeply")
    try:
        # utf-8, not utf-8-sig: a byte order mark is no JSON.
        said = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NotAnEvent("The body is not an event of WHOOP's: it is not JSON.") from None
    if not isinstance(said, dict):
        _refuse("it is not a JSON object")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _field(said: dict[str, Any], name: str) -> Any:
    if name not in said:
        _refuse(f"{name} is missing")
    return said[name]


def _is_graphic(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and _GRAPHIC.fullmatch(value) is not None


def _refuse(what: str) -> NoReturn:
    raise NotAnEvent(f"The body is not an event of WHOOP's: {what}.")
