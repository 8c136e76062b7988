"""Maps columns of the daily summary to properties of a page: from a YAML document to Notion's values.

Pure functions.

Each kind of value fits several property types; the data source defines which type a property has.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NoReturn

from whoop_assets.db.types import ColumnKind
from whoop_assets.errors import ConfigurationError

_NUMBER, _DATE = ("number", "rich_text"), ("date", "rich_text")
TYPES: dict[ColumnKind, tuple[str, ...]] = {
    ColumnKind.INTEGER: _NUMBER,
    ColumnKind.BIG_INTEGER: _NUMBER,
    ColumnKind.DOUBLE: _NUMBER,
    ColumnKind.TEXT: ("rich_text", "select", "multi_select"),
    ColumnKind.BOOLEAN: ("checkbox", "select", "rich_text"),
    ColumnKind.DATE: _DATE,
    ColumnKind.TIME: _DATE,
}
"""Kind of value -> property types; `notion init` creates the first."""

MEMBER_TYPES = ("number", "rich_text", "select")
MAX_TEXT_LENGTH, MAX_OPTION_LENGTH, MAX_OPTIONS = 2000, 100, 100
"""Notion's size limits: https://developers.notion.com/reference/request-limits"""

_KEYS = {"date", "member", "title", "members", "properties"}
_UNIT_OF_TIME, _MILLI = "_minutes", "_milli"


@dataclass(frozen=True, slots=True)
class Entry:
    """A property, its column, and its type; None for any type that fits."""

    property: str
    column: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class PageMapping:
    """Content of a page.

    Attributes:
        date_property: Property with the day; `member_property` likewise.
        title: Column for the title of a new page; None for no title.
        entries: Properties with values.
        kinds: Kind of every column.
        labels: Text that replaces a member's WHOOP user id.
    """

    date_property: str
    member_property: str
    title: str | None
    entries: tuple[Entry, ...]
    kinds: Mapping[str, ColumnKind] = field(repr=False)
    labels: Mapping[int, str] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the content of a page."""
        entries = sorted((entry.property, entry.column, entry.type or "") for entry in self.entries)
        return _digest([self.date_property, self.member_property, sorted(self.labels.items()), entries])

    def member_types(self) -> tuple[str, ...]:
        """Returns the possible types of the member property."""
        return MEMBER_TYPES[1:] if self.labels else MEMBER_TYPES

    def name_of(self, user_id: int) -> str:
        """Returns the member's label, else the WHOOP user id."""
        return self.labels.get(user_id, str(user_id))

    def values(self, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """Returns property -> JSON value of the daily row; all None without a row."""
        return {
            entry.property: None if row is None else _plain(_value(row, entry.column))
            for entry in self.entries
        }

    def content_hash(self, user_id: int, values: Mapping[str, Any]) -> str:
        return _digest([self.date_property, self.member_property, self.name_of(user_id), dict(values)])

    def rendered(
        self, user_id: int, day: date, values: Mapping[str, Any], types: Mapping[str, str]
    ) -> dict[str, Any]:
        """Returns Notion's property values; `types` is property -> type in the data source."""
        shown: dict[str, Any] = {
            self.date_property: render("date", day.isoformat()),
            self.member_property: render(
                types[self.member_property], self._member_value(user_id, types[self.member_property])
            ),
        }
        return shown | {name: render(types[name], value) for name, value in values.items()}

    def title_of(self, user_id: int, day: date, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """Returns the value of the title property of a new page; empty if it gets no title."""
        if self.title is None:
            return {}
        keys = {"user_id": self.name_of(user_id), "day": day}
        value = keys[self.title] if self.title in keys else None if row is None else _value(row, self.title)
        return {"title": _rich_text(_plain(value))}

    def _member_value(self, user_id: int, kind: str) -> int | str:
        return user_id if kind == "number" else self.name_of(user_id)

    def member_filter(self, user_id: int, kind: str) -> dict[str, Any]:
        """Returns Notion's filter for pages of the member."""
        return {"property": self.member_property, kind: {"equals": self._member_value(user_id, kind)}}

    def is_of(self, user_id: int, value: Mapping[str, Any]) -> bool:
        """Returns whether a page's member property names this member."""
        kind = str(value.get("type"))
        content = value.get(kind)
        if kind == "number":
            return not self.labels and content == user_id
        if kind == "rich_text" and isinstance(content, list):
            return "".join(str(part.get("plain_text", "")) for part in content).strip() == self.name_of(
                user_id
            )
        return isinstance(content, Mapping) and content.get("name") == _option(self.name_of(user_id))


DEFAULT = """
date: Date
member: Member
title: day
properties:
  Recovery (%): recovery_score
  Sleep time (ms): sleep_duration_milli
  Sleep efficiency (%): sleep_efficiency_percentage
"""


def with_milliseconds(kinds: Mapping[str, ColumnKind]) -> dict[str, ColumnKind]:
    """Adds a column in milliseconds for each column in minutes."""
    return dict(kinds) | {
        name.removesuffix(_UNIT_OF_TIME) + _MILLI: ColumnKind.INTEGER
        for name in kinds
        if name.endswith(_UNIT_OF_TIME)
    }


def parse(content: object, columns: Mapping[str, ColumnKind]) -> PageMapping:
    """Returns the mapping of a YAML document.

    Args:
        content: Parsed YAML.
        columns: Column of the daily summary -> kind of its values.

    Raises:
        ConfigurationError: The message names all problems.
    """
    kinds = with_milliseconds(columns)
    if not isinstance(content, Mapping):
        _refuse(["it has no keys date, member, title, members and properties"])
    problems = [f"{name!r} is an unknown key" for name in content if name not in _KEYS]
    names = {key: content.get(key, default) for key, default in (("date", "Date"), ("member", "Member"))}
    problems += [f"{key} is no property name" for key, name in names.items() if not _is_name(name)]
    title = content.get("title", "day")
    if title is not None and title not in kinds:
        problems.append(f"title: there is no column {title!r}")
    labels = content.get("members") or {}
    if not isinstance(labels, Mapping) or not all(
        type(user_id) is int and _is_name(label) for user_id, label in labels.items()
    ):
        problems.append("members is not WHOOP user id: text")
        labels = {}
    elif len(set(labels.values())) < len(labels):
        problems.append("members gives two members the same text")
    entries, wrong = _entries(content.get("properties"), kinds)
    problems += wrong
    used = [*names.values(), *(entry.property for entry in entries)]
    problems += [
        f"the property {name!r} is named twice" for name in dict.fromkeys(used) if used.count(name) > 1
    ]
    if problems:
        _refuse(problems)
    return PageMapping(names["date"], names["member"], title, tuple(entries), kinds, dict(labels))


def _entries(given: object, kinds: Mapping[str, ColumnKind]) -> tuple[list[Entry], list[str]]:
    if not isinstance(given, Mapping) or not given:
        return [], ["properties is not a mapping of properties to columns"]
    entries, problems = [], []
    for name, value in given.items():
        column, kind = (
            (value.get("column"), value.get("type")) if isinstance(value, Mapping) else (value, None)
        )
        if isinstance(value, Mapping) and (unknown := set(value) - {"column", "type"}):
            problems.append(f"{name!r}: {', '.join(sorted(map(str, unknown)))} is an unknown key")
        if not _is_name(name):
            problems.append(f"{name!r} is no property name")
        elif not isinstance(column, str) or column not in kinds:
            problems.append(f"{name!r}: there is no column {column!r}")
        elif kind is not None and kind not in TYPES[kinds[column]]:
            fitting = " or ".join(TYPES[kinds[column]])
            problems.append(f"{name!r}: the type {kind!r} cannot take {column}, only {fitting} can")
        else:
            entries.append(Entry(name, column, kind))
    return entries, problems


def _refuse(problems: list[str]) -> NoReturn:
    raise ConfigurationError(
        f"The Notion mapping is invalid: {'; '.join(problems)}. Correct the file in WHOOP_NOTION_MAPPING as"
        " docs/notion.md describes."
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _value(row: Mapping[str, Any], column: str) -> Any:
    if column not in row and column.endswith(_MILLI):
        minutes = row[column.removesuffix(_MILLI) + _UNIT_OF_TIME]
        return None if minutes is None else round(minutes * 60_000)
    return row[column]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# Notion's values: https://developers.notion.com/reference/page-property-values


def render(kind: str, value: Any) -> dict[str, Any]:
    """Returns the value for a property of this type; None empties the property, or unchecks a checkbox."""
    return {kind: _RENDERED[kind](value)}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _rich_text(value: Any) -> list[dict[str, Any]]:
    if value is None or value == "":
        return []
    return [{"type": "text", "text": {"content": _text(value)[:MAX_TEXT_LENGTH]}}]


def _option(text: str) -> str:
    # Notion rejects commas in option names.
    return text.replace(",", ";").strip()[:MAX_OPTION_LENGTH]


def _options(value: Any) -> list[dict[str, str]]:
    names = [part.strip() for part in str(value or "").split(",")]
    return [{"name": _option(name)} for name in dict.fromkeys(names) if name][:MAX_OPTIONS]


_RENDERED: dict[str, Callable[[Any], Any]] = {
    "number": lambda value: value,
    "checkbox": bool,
    "date": lambda value: None if value is None else {"start": value},
    "rich_text": _rich_text,
    "select": lambda value: (
        None if value is None else next(iter(_options(_text(value).replace(",", ";"))), None)
    ),
    "multi_select": _options,
}
