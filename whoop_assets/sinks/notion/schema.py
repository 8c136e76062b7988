"""Checks the mapping against the schema of the data source before anything is written."""

from collections.abc import Mapping
from typing import Any

from whoop_assets.errors import ConfigurationError
from whoop_assets.sinks.notion.mapping import TYPES, PageMapping

TITLE = "Day"
"""Name of the title property of a new data source."""


def checked_types(mapping: PageMapping, properties: Mapping[str, Any]) -> dict[str, str]:
    """Returns property -> type for the mapping's properties and the title.

    Args:
        properties: Schema of the data source from Notion.

    Raises:
        ConfigurationError: The message names all properties that do not fit.
    """
    found = {name: str(schema.get("type")) for name, schema in properties.items()}
    wanted: list[tuple[str, tuple[str, ...], str]] = [
        (mapping.date_property, ("date",), "the day"),
        (mapping.member_property, mapping.member_types(), "the member"),
    ]
    for entry in mapping.entries:
        fitting = TYPES[mapping.kinds[entry.column]] if entry.type is None else (entry.type,)
        wanted.append((entry.property, fitting, entry.column))
    problems = []
    for name, fitting, what in wanted:
        if name not in found:
            problems.append(f"it has no property {name!r}")
        elif found[name] not in fitting:
            problems.append(
                f"its property {name!r} is of type {found[name]}, and {what} needs {' or '.join(fitting)}"
            )
    if problems:
        raise ConfigurationError(
            f"The Notion data source does not fit the mapping: {'; '.join(problems)}. Nothing was written:"
            " change the data source's properties, or the file in WHOOP_NOTION_MAPPING."
        )
    return found


def title_property(types: Mapping[str, str]) -> str:
    """Returns the title property. Every data source has exactly one."""
    return next((name for name, kind in types.items() if kind == "title"), "title")


def schema_of(mapping: PageMapping) -> dict[str, Any]:
    """Returns the properties of a new data source.

    Raises ConfigurationError if the mapping uses the name TITLE.
    """
    made: dict[str, Any] = {
        TITLE: {"title": {}},
        mapping.date_property: {"date": {}},
        mapping.member_property: {mapping.member_types()[0]: {}},
    }
    for entry in mapping.entries:
        made[entry.property] = {entry.type or TYPES[mapping.kinds[entry.column]][0]: {}}
    if len(made) < len(mapping.entries) + 3:
        raise ConfigurationError(
            f"The Notion mapping contains a property {TITLE!r}, which is the title of a new data source:"
            " rename it in the file in WHOOP_NOTION_MAPPING."
        )
    return made
