"""The short way to a record, for those that are as WHOOP's usually are: the same values as the model's, in half the time.

Nearly every record is plain: its numbers are numbers, its ids are in lower case, its score state is one of the documented.
The structures here are made from the models and ask for the same or more, so what they take a model would take too, with
the same values. What they do not take is not judged here: the model does that, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import Meta
from pydantic import BaseModel, PlainValidator

from whoop_assets.whoop_api.fields import ScoreState
from whoop_assets.whoop_api.models import Record

_LARGEST = 1.7976931348623157e308  # of the finite floats
_Finite = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]
_LowerUuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
_STATES = frozenset(state.value for state in ScoreState)


class Plain(msgspec.Struct):
    """A record with the fields of its model; times in UTC, ids as text."""

    @property
    def scored(self) -> Any | None:
        """The score if WHOOP says SCORED, else None."""
        return self.score if self.score_state == "SCORED" else None  # type: ignore[attr-defined]


class ShortWay:
    """Reads records of one model."""

    def __init__(self, model: type[Record[Any]]) -> None:
        self._checks: list[tuple[str, Callable[[str], Any]]] = []
        self._structure = _structure(model, Plain, self._checks)
        self._lasts = "end" in model.model_fields

    def read(self, raw: Mapping[str, Any]) -> Any | None:
        """The record, its attributes named as the model's; None: ask the model."""
        try:
            record: Any = msgspec.convert(raw, self._structure)
            for name, check in self._checks:
                value = getattr(record, name)
                if value is not None:
                    setattr(record, name, check(value))
        except ValueError:  # of msgspec, and of the models' own checks
            return None
        if record.score_state not in _STATES:
            return None
        if self._lasts and record.end is not None and record.end < record.start:
            return None
        return record


def _structure(
    model: type[BaseModel], base: type[msgspec.Struct], checks: list[tuple[str, Callable[[str], Any]]]
) -> type[msgspec.Struct]:
    """A structure with the model's fields. `checks` takes what a text among them has still to pass."""
    fields: list[Any] = []
    for name, field in model.model_fields.items():
        kind, metadata, optional = _unwrapped(field.annotation, field.metadata)
        check = next((rule.func for rule in metadata if isinstance(rule, PlainValidator)), None)
        if check is not None:
            kind = str
            # The same time comes as one cycle's end, the next one's start, a sleep's start; there are few other texts.
            checks.append((name, lru_cache(maxsize=4096)(check)))
        else:
            kind = _short(kind, metadata)
        kind = kind | None if optional else kind
        fields.append((name, kind) if field.is_required() else (name, kind, field.default))
    fields.sort(key=len)  # (name, type) before (name, type, default), as a structure wants it
    return msgspec.defstruct(model.__name__, fields, bases=(base,), gc=False)


def _unwrapped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any], bool]:
    """The type of a field, the rules for it, and whether it may be null."""
    inside = [one for one in get_args(annotation) if one is not NoneType]
    if NoneType not in get_args(annotation):
        return annotation, metadata, False
    (kind,) = inside
    if get_origin(kind) is Annotated:
        kind, *rules = get_args(kind)
        metadata = [part for rule in rules for part in getattr(rule, "metadata", [rule])]
    return kind, metadata, True


def _short(kind: Any, metadata: list[Any]) -> Any:
    """What msgspec is to ask of a field of this type. Raises TypeError for one that nobody has thought of here."""
    bounds = {name: getattr(rule, name) for rule in metadata for name in ("ge", "le") if hasattr(rule, name)}
    if kind is int and len(bounds) == 2:
        return Annotated[int, Meta(**bounds)]
    if kind is float:
        return _Finite
    if kind is bool:
        return bool
    if kind is UUID:
        return _LowerUuid
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        checks: list[tuple[str, Callable[[str], Any]]] = []
        structure = _structure(kind, msgspec.Struct, checks)
        if not checks:  # `read` would look at the record's own fields alone
            return structure
    raise TypeError(f"A field of type {kind!r} has no short way yet.")
