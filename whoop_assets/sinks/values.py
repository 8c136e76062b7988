"""Converts JSON values to column kinds, and finds fields that WHOOP added. Pure functions.

A kind is int, long, double, boolean, string, date or timestamptz. A value is converted without loss or
rejected.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

INT, LONG, EXACT = 2**31, 2**63, 2**53
MAX_DEPTH = 6
"""Deeper objects of a payload are stored as JSON."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class DoesNotFitError(ValueError):
    """The column kind cannot represent the value."""


def fitted(value: Any, kind: str) -> Any:
    """Returns the value for a column of this kind; None stays None. Raises DoesNotFitError."""
    if value is None:
        return None
    if kind == "string":
        return _text(value)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and kind in ("int", "long", "double"):
        return _number(value, kind)
    if kind in ("date", "timestamptz") and isinstance(value, str | date):
        return _time(value, kind)
    raise DoesNotFitError(f"{type(value).__name__} is no {kind}")


def kind_of(values: Iterable[Any]) -> str:
    """Returns the narrowest kind for non-null JSON values: boolean, long, double or string."""
    seen = list(values)
    for kind in ("boolean", "long", "double"):
        try:
            for value in seen:
                if kind == "long" and isinstance(value, float):
                    raise DoesNotFitError(f"{value} was not written as a whole number")
                fitted(value, kind)
        except DoesNotFitError:
            continue
        return kind
    return "string"


def column_name(path: Iterable[str]) -> str | None:
    """Returns the column name for a new field: the joined names of its path.

    None if that is no valid name.
    """
    name = "_".join(path).lower()
    return name if _NAME.fullmatch(name) else None


def leaves(
    payload: Mapping[str, Any], known: frozenset[tuple[str, ...]], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields path and value of the unknown fields of a payload, without nulls. A list is one field.

    Args:
        above: Path of the payload, if it is an object inside another.
    """
    for name, value in payload.items():
        path = (*above, name)
        if value is None or path in known:
            continue
        if isinstance(value, Mapping) and len(path) < MAX_DEPTH:
            yield from leaves(value, known, path)
        else:
            yield path, value


def _text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
    # JSON can contain half of a surrogate pair, UTF-8 cannot.
    return text.encode("utf-8", "replace").decode()


def _number(value: int | float, kind: str) -> int | float:
    if kind == "double":
        # A larger integer would lose digits in a double.
        if isinstance(value, int) and abs(value) > EXACT:
            raise DoesNotFitError(f"{value} has more digits than a double")
        return float(value)
    if isinstance(value, float) and (not value.is_integer() or abs(value) > EXACT):
        raise DoesNotFitError(f"{value} is not whole")
    limit = INT if kind == "int" else LONG
    if not -limit <= value < limit:
        raise DoesNotFitError(f"{value} is too large for {kind}")
    return int(value)


def _time(value: str | date, kind: str) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if kind == "date" else datetime.fromisoformat(value)
        except ValueError:
            raise DoesNotFitError(f"the text is no {kind}") from None
    is_moment = isinstance(value, datetime)
    if is_moment is not (kind == "timestamptz"):
        raise DoesNotFitError(f"{type(value).__name__} is no {kind}")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise DoesNotFitError("a time without a zone")
        return value.astimezone(UTC)
    return value
