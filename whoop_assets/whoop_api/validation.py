"""Describes in one sentence why a record is invalid: its fields and the violated rules, but no values."""

from __future__ import annotations

from pydantic import ValidationError

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
    """Return a reason like `Sleep: end must be a time with an offset or Z; nap is missing (and 2 more)`."""
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
