"""Which column of the daily summary goes to which property of a page: pure, from a YAML text to Notion's values.

The kinds of a column's values are integer, number, text, boolean, date and time (an instant). For each there are
property types that can take them; which of these a property has, the data source itself says (`schema`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NoReturn

from whoop_assets.errors import ConfigurationError

TYPES: dict[str, tuple[str, ...]] = {
    "integer": ("number", "rich_text"),
    "number": ("number", "rich_text"),
    "text": ("rich_text", "select", "multi_select"),
    "boolean": ("checkbox", "select", "rich_text"),
    "date": ("date", "rich_text"),
    "time": ("date", "rich_text"),
}
"""Kind of value -> property types that take it; the first is what `notion init` makes."""

MEMBER_TYPES = ("number", "rich_text", "select")
LONGEST_TEXT, LONGEST_OPTION, MOST_OPTIONS = 2000, 100, 100
"""Notion's size limits: https://developers.notion.com/reference/request-limits"""

_KEYS = {"date", "member", "title", "members", "properties"}
_UNIT_OF_TIME, _MILLI = "_minutes", "_milli"


@dataclass(frozen=True, slots=True)
class Entry:
    """A property, the column that it shows, and the type that it is said to have; None: whichever fits."""

    property: str
    column: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class PageMapping:
    """What a page shows: the properties that tell its day and its member, and those that hold values.

    `title`: the column that a new page is named by; None: it gets no name. `labels`: what stands for a member instead of
    the WHOOP user id. `kinds`: the kind of every column that can be shown.
    """

    date_property: str
    member_property: str
    title: str | None
    entries: tuple[Entry, ...]
    kinds: Mapping[str, str] = field(repr=False)
    labels: Mapping[int, str] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides what a page says."""
        entries = sorted((entry.property, entry.column, entry.type or "") for entry in self.entries)
        return _digest([self.date_property, self.member_property, sorted(self.labels.items()), entries])

    def member_types(self) -> tuple[str, ...]:
        """The types that the member's property can have: a label is no number."""
        return MEMBER_TYPES[1:] if self.labels else MEMBER_TYPES

    def name_of(self, user_id: int) -> str:
        """What stands for the member: a label, or the WHOOP user id."""
        return self.labels.get(user_id, str(user_id))

    def values(self, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """Property -> value of the daily row, ready for JSON; all of them None where there is no row."""
        return {
            entry.property: None if row is None else _plain(_value(row, entry.column))
            for entry in self.entries
        }

    def content_hash(self, user_id: int, values: Mapping[str, Any]) -> str:
        """SHA-256 of what the page is to say."""
        return _digest([self.date_property, self.member_property, self.name_of(user_id), dict(values)])

    def rendered(
        self, user_id: int, day: date, values: Mapping[str, Any], types: Mapping[str, str]
    ) -> dict[str, Any]:
        """Notion's property values: `types` is property -> type as the data source has it."""
        shown: dict[str, Any] = {
            self.date_property: render("date", day.isoformat()),
            self.member_property: render(
                types[self.member_property], self._member_value(user_id, types[self.member_property])
            ),
        }
        return shown | {name: render(types[name], value) for name, value in values.items()}

    def title_of(self, user_id: int, day: date, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """The name of a new page, as Notion's value of the title property; nothing when it gets none."""
        if self.title is None:
            return {}
        keys = {"user_id": self.name_of(user_id), "day": day}
        value = keys[self.title] if self.title in keys else None if row is None else _value(row, self.title)
        return {"title": _rich_text(_plain(value))}

    def _member_value(self, user_id: int, kind: str) -> int | str:
        return user_id if kind == "number" else self.name_of(user_id)

    def member_filter(self, user_id: int, kind: str) -> dict[str, Any]:
        """Notion's filter for pages of the member."""
        return {"property": self.member_property, kind: {"equals": self._member_value(user_id, kind)}}

    def is_of(self, user_id: int, value: Mapping[str, Any]) -> bool:
        """Whether a page's value of the member's property is this member."""
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


def with_milliseconds(kinds: Mapping[str, str]) -> dict[str, str]:
    """The columns, and for each in minutes the same in milliseconds."""
    return dict(kinds) | {
        name.removesuffix(_UNIT_OF_TIME) + _MILLI: "integer" for name in kinds if name.endswith(_UNIT_OF_TIME)
    }


def parse(content: object, columns: Mapping[str, str]) -> PageMapping:
    """The mapping that a YAML document says; `columns`: name -> kind of value of the daily summary.

    Raises ConfigurationError, which names everything that is wrong with it.
    """
    kinds = with_milliseconds(columns)
    if not isinstance(content, Mapping):
        _refuse(["it is not a mapping of date, member, title, members and properties"])
    problems = [f"{name!r} means nothing here" for name in content if name not in _KEYS]
    names = {key: content.get(key, default) for key, default in (("date", "Date"), ("member", "Member"))}
    problems += [f"{key} is not the name of a property" for key, name in names.items() if not _is_name(name)]
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


def _entries(given: object, kinds: Mapping[str, str]) -> tuple[list[Entry], list[str]]:
    if not isinstance(given, Mapping) or not given:
        return [], ["properties is not a mapping of properties to columns"]
    entries, problems = [], []
    for name, value in given.items():
        column, kind = (
            (value.get("column"), value.get("type")) if isinstance(value, Mapping) else (value, None)
        )
        if isinstance(value, Mapping) and (unknown := set(value) - {"column", "type"}):
            problems.append(f"{name!r}: {', '.join(sorted(map(str, unknown)))} means nothing here")
        if not _is_name(name):
            problems.append(f"{name!r} is not the name of a property")
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
        f"The Notion mapping cannot be used: {'; '.join(problems)}. Correct the file that WHOOP_NOTION_MAPPING names;"
        " docs/notion.md describes it."
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
    """A value as a property of this type holds it; None empties the property (a checkbox is unchecked)."""
    return {kind: _RENDERED[kind](value)}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _rich_text(value: Any) -> list[dict[str, Any]]:
    if value is None or value == "":
        return []
    return [{"type": "text", "text": {"content": _text(value)[:LONGEST_TEXT]}}]


def _option(text: str) -> str:
    # Notion refuses a comma in the name of an option.
    return text.replace(",", ";").strip()[:LONGEST_OPTION]


def _options(value: Any) -> list[dict[str, str]]:
    names = [part.strip() for part in str(value or "").split(",")]
    return [{"name": _option(name)} for name in dict.fromkeys(names) if name][:MOST_OPTIONS]


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
