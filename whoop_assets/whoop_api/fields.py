"""Types of WHOOP's fields, and the reason why a record is invalid.

A number must be a number, not text or a boolean. A time must have an offset and is converted to UTC. Values
that no database column can store (beyond int32 or int64, NUL, NaN) are invalid.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

_OFFSET = re.compile(r"Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")
_DATE_AND_T = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T")


def rfc3339(moment: datetime) -> str:
    """Return an aware time in WHOOP's format, `2026-11-20T06:30:00.000Z`.

    Contains microseconds only if there are any.
    """
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


@lru_cache(maxsize=4096)  # a cycle's end is the next one's start, and often a sleep's start
def _moment_of_text(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if _DATE_AND_T.match(text) else None
    except ValueError:
        moment = None
    return _utc(moment)


def _utc(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise PydanticCustomError("timestamp", "must be a time such as 2026-11-20T06:30:00.000Z")
    if value.utcoffset() is None:
        raise PydanticCustomError("timestamp_naive", "must be a time with an offset or Z")
    # A "zero date" is an error of the source.
    if not 1970 <= value.year <= 2100:
        raise PydanticCustomError("timestamp_range", "must be within the years 1970 to 2100")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _moment(value: Any) -> datetime:
    return _moment_of_text(value) if isinstance(value, str) else _utc(value)


def _offset(value: Any) -> str:
    if isinstance(value, str) and _OFFSET.fullmatch(value):
        return value
    raise PydanticCustomError("timezone_offset", "must be +hh:mm or -hh:mm of at most 14 hours, or Z")


def _text(value: Any) -> str:
    if isinstance(value, str) and not _UNSTORABLE.search(value):
        return value
    raise PydanticCustomError("text", "must be text without NUL or half a surrogate pair")


def _short_text(longest: int) -> PlainValidator:
    def validate(value: Any) -> str:
        text = _text(value)
        if len(text) > longest:
            raise PydanticCustomError("text_length", "must be shorter text")
        return text

    return PlainValidator(validate)


_Rfc3339 = PlainSerializer(rfc3339, return_type=str, when_used="json")
Timestamp = Annotated[datetime, PlainValidator(_moment), _Rfc3339]
TimezoneOffset = Annotated[str, PlainValidator(_offset)]
Text = Annotated[str, PlainValidator(_text)]
Slug = Annotated[str, _short_text(128)]
ScoreState = Annotated[str, _short_text(32)]

Int32 = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
Identifier = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _rounded(value: Any) -> Any:
    return round(value) if isinstance(value, float) and isfinite(value) else value


Whole = Annotated[int, BeforeValidator(_rounded), Field(strict=True, ge=-(2**31), le=2**31 - 1)]
"""A measurement in whole numbers: `70.0` is read as 70."""

# pydantic's own messages quote parts of the input for some types; these do not.
_RULES = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than_equal": "is below its range",
    "int_parsing_size": "is above its range",
    "int_type": "must be a whole number",
    "less_than_equal": "is above its range",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
}
# Errors that this package raises; their messages contain no input.
_OURS = {
    "end_before_start",
    "text",
    "text_length",
    "timestamp",
    "timestamp_naive",
    "timestamp_range",
    "timezone_offset",
}
_MAX_FIELDS = 3


def validation_reason(exc: ValidationError) -> str:
    """Describe the fields and the violated rules in one sentence, without values.

    For example `Sleep: end must be a time with an offset or Z; nap is missing (and 2 more)`.
    """
    found: dict[str, str] = {}
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        kind = error["type"]
        rule = error["msg"] if kind in _OURS else _RULES.get(kind, f"is not valid ({kind})")
        where = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
        found.setdefault(where, f"{where} {rule}".strip())
    sentences = list(found.values())
    more = len(sentences) - _MAX_FIELDS
    tail = f" (and {more} more)" if more > 0 else ""
    return f"{exc.title}: {'; '.join(sentences[:_MAX_FIELDS])}{tail}."
