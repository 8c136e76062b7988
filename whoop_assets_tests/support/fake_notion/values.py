"""Property values in the fake Notion: required shape, stored form, plain form and filters."""

import json
from datetime import date, datetime
from typing import Any

EDITABLE = {"title", "rich_text", "number", "select", "multi_select", "date", "checkbox", "url", "status"}
KINDS = EDITABLE | {
    "formula",
    "rollup",
    "people",
    "files",
    "relation",
    "email",
    "phone_number",
    "created_time",
}
Json = dict[str, Any]


class NotionErrorResponse(Exception):
    """The response is an HTTP error with this code and message."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def bad_request(message: str) -> NotionErrorResponse:
    return NotionErrorResponse(400, "validation_error", message)


def shape_error(kind: str, value: Any) -> str | None:
    """Return Notion's error for a value of the wrong shape, or None."""
    if kind == "number":
        valid = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        return None if valid else f"number should be a number or `null`, instead was `{json.dumps(value)}`."
    if kind == "checkbox":
        return None if isinstance(value, bool) else "checkbox should be a boolean."
    if kind in ("rich_text", "title"):
        if not isinstance(value, list) or len(value) > 100:
            return f"{kind} should be an array of at most 100."
        texts = [part.get("text", {}).get("content") for part in value]
        if any(not isinstance(text, str) or len(text) > 2000 for text in texts):
            return f"{kind}[0].text.content.length should be ≤ `2000`."
        return None
    if kind == "select":
        return None if value is None else _option_error(value)
    if kind == "multi_select":
        if not isinstance(value, list) or len(value) > 100:
            return "multi_select should be an array of at most 100."
        return next((error for option in value if (error := _option_error(option)) is not None), None)
    if kind == "date" and value is not None:
        try:
            datetime.fromisoformat(value["start"])
        except (KeyError, TypeError, ValueError):
            return "date.start should be a valid ISO 8601 date string."
    return None


def _option_error(option: Any) -> str | None:
    name = option.get("name") if isinstance(option, dict) else None
    if not isinstance(name, str) or not name or len(name) > 100:
        return "select.name should be a string of at most 100."
    return "select.name: Invalid select option, commas not allowed." if "," in name else None


def stored_form(value: Any) -> Any:
    """Return the value as Notion's responses contain it."""
    if isinstance(value, list):
        return [stored_form(part) for part in value]
    if isinstance(value, dict) and "text" in value:
        return {"type": "text", "text": value["text"], "plain_text": value["text"]["content"]}
    return value


def empty_value(kind: str) -> Any:
    """Return the content of a property without a value."""
    return {"checkbox": False}.get(kind, [] if kind in ("rich_text", "title", "multi_select") else None)


def plain_value(value: Json) -> Any:
    """Return a property's content as text, number, list of names or None."""
    content = value[value["type"]]
    if value["type"] in ("rich_text", "title"):
        return "".join(part["plain_text"] for part in content)
    if value["type"] == "multi_select":
        return [option["name"] for option in content]
    if isinstance(content, dict):
        return content.get("start", content.get("name"))
    return content


def matches_filter(schema: Json, properties: Json, condition: Json, depth: int = 0) -> bool:
    """Return whether a page with these properties matches the filter of a query."""
    for word, combine in (("and", all), ("or", any)):
        if word in condition:
            if depth >= 2 or len(condition[word]) > 100:
                raise bad_request("body failed validation: body.filter is nested too deeply or too long.")
            return combine([matches_filter(schema, properties, part, depth + 1) for part in condition[word]])
    name = condition.get("property")
    if name not in schema:
        raise bad_request(f"Could not find property with name or id: {name}")
    kind = schema[name]["type"]
    if kind not in condition:
        stated = next((key for key in condition if key != "property"), "nothing")
        raise bad_request(f"database property {kind} does not match filter {stated}")
    ((operator, operand),) = condition[kind].items()
    value = plain_value(properties[name])
    match operator:
        case "equals":
            return bool(value == operand)
        case "on_or_after":
            return value is not None and _date(value) >= _date(operand)
        case "on_or_before":
            return value is not None and _date(value) <= _date(operand)
    raise bad_request(f"body failed validation: body.filter.{kind}.{operator} should be not present.")


def _date(text: str) -> date:
    return date.fromisoformat(text[:10])
