"""Parses a record of a WHOOP response into its columns, canonical text and content hash."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.whoop_api.fields import validation_reason
from whoop_assets.whoop_api.streams import SnapshotStream, Stream

# ASCII only, so that every database stores it. Data that came from JSON has no circular references.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def canonical(payload: Any) -> tuple[str, str]:
    """Return the payload as JSON text with sorted keys, and the SHA-256 of that text.

    The hash decides whether a record has changed, so this text must never change for the same content. A
    payload with numbers that JSON in a database cannot hold, such as 1e999, is stored as a JSON string that
    shows it.
    """
    try:
        text = _encode(payload)
    except ValueError:
        text = _encode(repr(payload))
    return text, hashlib.sha256(text.encode("ascii")).hexdigest()


def parse_record(
    stream: Stream, raw: Mapping[str, Any], user_id: int, requested_at: datetime, endpoint: str
) -> ParsedRecord | RejectedRecord:
    """Validate one record. A record of another member is rejected too."""
    text, content_hash = canonical(raw)

    def rejected(reason: str) -> RejectedRecord:
        return RejectedRecord(_readable_key(raw, stream), text, content_hash, reason, endpoint)

    try:
        record = stream.model.model_validate(raw)
    except ValidationError as error:
        return rejected(validation_reason(error))
    if record.user_id != user_id:
        return rejected(f"{stream.model.__name__}: user_id is not that of the member.")
    fields = stream.values(record)
    return ParsedRecord(
        fields[stream.key], fields | {"payload": text, "content_hash": content_hash}, requested_at, endpoint
    )


def parse_snapshot(stream: SnapshotStream, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a snapshot. Raises pydantic's ValidationError."""
    snapshot = stream.model.model_validate(payload)
    text, content_hash = canonical(payload)
    columns = {name: getattr(snapshot, name) for name in stream.columns}
    return columns | {"payload": text, "content_hash": content_hash}


def _readable_key(raw: Mapping[str, Any], stream: Stream) -> str | None:
    key = raw.get(stream.key)
    if not isinstance(key, int | str):
        return None
    # PostgreSQL stores neither NUL nor half a surrogate pair.
    return str(key).replace("\0", "").encode("utf-8", "replace").decode()[:64]
