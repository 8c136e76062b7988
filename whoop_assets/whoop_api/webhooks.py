"""Verifies and parses webhook deliveries. Pure functions.

A delivery is a POST of `{"user_id", "id", "type", "trace_id"}`, without data and without the time of the
change. WHOOP signs it with the app's client secret:

    X-WHOOP-Signature = base64(HMAC-SHA256(client secret, X-WHOOP-Signature-Timestamp + body))

The timestamp is the text of the header, in milliseconds since 1970. The raw bytes of the body follow it
directly.
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
from whoop_assets.whoop_api.streams import STREAMS, valid_uuid

SIGNATURE_HEADER = "X-WHOOP-Signature"
TIMESTAMP_HEADER = "X-WHOOP-Signature-Timestamp"
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far in the future a signature may be."""

STREAM_OF = {stream.event: stream.name for stream in STREAMS.values() if stream.event is not None}
KNOWN_TYPES = {
    f"{kind}.{what}": stream for kind, stream in STREAM_OF.items() for what in ("updated", "deleted")
}

UNKNOWN_TYPE = "This version of whoop-assets does not know events of this type."
OLD_ID = (
    "The id is a number of WHOOP's v1 model: choose model version v2 for the webhook in the Developer"
    " Dashboard; `whoop-assets migrate-v1` finds the v2 ids of events received so far."
)

_TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)
_GRAPHIC = re.compile(r"[!-~]+", re.ASCII)
_MAX_BRACKETS = 64
"""Bounds the nesting for the parsers here and in the database. WHOOP's event has one pair."""


class NotWhoops(WhoopError):
    """The delivery has no valid signature."""


class StaleSignature(NotWhoops):
    """The signature is valid, but too old or in the future: possibly a replay."""


class NotAnEvent(WhoopError):
    """The body is not an event. The message gives the reason and quotes nothing."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An announced change.

    Attributes:
        trace_id: Identifies the event; repeated deliveries have the same.
        user_id: WHOOP user id.
        event_type: For example `sleep.updated`.
        record_id: Lower-case UUID of the sleep or workout; for a recovery event, of its sleep.
        stream: The stream; None for an unknown type.
        refusal: Why the event cannot be loaded; None if it can.
    """

    trace_id: str
    user_id: int
    event_type: str
    record_id: str | None
    stream: str | None
    refusal: str | None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the content of X-WHOOP-Signature (see the formula above)."""
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def verify(
    secret: str, timestamp: str | None, given: str | None, body: bytes, *, now: datetime, max_age: timedelta
) -> datetime:
    """Verify the signature in constant time.

    Args:
        secret: The client secret.
        timestamp: Content of X-WHOOP-Signature-Timestamp.
        given: Content of X-WHOOP-Signature.
        body: The raw body.
        max_age: Age of the oldest accepted signature.

    Returns:
        The time of the signature.

    Raises:
        NotWhoops: The signature is missing or wrong.
        StaleSignature: It is too old, or in the future.
    """
    if timestamp is None or given is None or not _TIMESTAMP.fullmatch(timestamp):
        raise NotWhoops("The delivery is not signed.")
    expected = signature(secret, timestamp, body)
    # With an empty secret, anyone could sign.
    if not secret or not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
        raise NotWhoops("The signature does not match the delivery.")
    try:
        signed_at = datetime.fromtimestamp(int(timestamp) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise StaleSignature("The signature has an invalid time.") from None
    if not now - max_age <= signed_at <= now + MAX_CLOCK_SKEW:
        raise StaleSignature("The signature is too old, or in the future.")
    return signed_at


def read_event(body: bytes) -> WebhookEvent:
    """Parse the event in the body.

    The body must be a JSON object in UTF-8 without duplicate keys. `user_id`, `trace_id` and `type` must have
    their types and sizes, and the id of a known type must be a UUID or a v1 number. Unknown fields are
    ignored.

    Raises:
        NotAnEvent: The body does not meet these rules.
    """
    fields = _json_object(body)
    user_id, kind, trace_id = (_field(fields, name) for name in ("user_id", "type", "trace_id"))
    if type(user_id) is not int or not 0 < user_id < 2**63:
        _refuse("user_id is not a positive 64-bit integer")
    if not _is_graphic(kind, 64):
        _refuse("type is not a word of at most 64 characters")
    if not _is_graphic(trace_id, 128):
        _refuse("trace_id is not a word of at most 128 characters")
    stream = KNOWN_TYPES.get(kind)
    key, refusal = _record_id(fields, known=stream is not None)
    return WebhookEvent(trace_id, user_id, kind, key, stream, UNKNOWN_TYPE if stream is None else refusal)


def _record_id(fields: dict[str, Any], *, known: bool) -> tuple[str | None, str | None]:
    """Return the id as text, and why it cannot be loaded. An unknown type may have any short id, or none."""
    key = _field(fields, "id") if known else fields.get("id")
    if type(key) is int and 0 <= key < 2**63:
        return str(key), OLD_ID
    if known:
        with suppress(InvalidIdentifier):
            return valid_uuid(key if isinstance(key, str) else ""), None
        _refuse("id is not a UUID")
    return (key if _is_graphic(key, 128) else None), None


def _json_object(body: bytes) -> dict[str, Any]:
    if body.count(b"[") + body.count(b"{") > _MAX_BRACKETS:
        _refuse("it is nested too deeply")
    try:
        # Not utf-8-sig: JSON has no byte order mark.
        fields = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NotAnEvent("The body is not a WHOOP event: it is not JSON.") from None
    if not isinstance(fields, dict):
        _refuse("it is not a JSON object")
    return fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _field(fields: dict[str, Any], name: str) -> Any:
    if name not in fields:
        _refuse(f"{name} is missing")
    return fields[name]


def _is_graphic(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and _GRAPHIC.fullmatch(value) is not None


def _refuse(what: str) -> NoReturn:
    raise NotAnEvent(f"The body is not a WHOOP event: {what}.")
