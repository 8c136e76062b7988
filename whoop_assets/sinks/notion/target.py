"""Configuration of the Notion sink: token, data source and mapping.

Without token or data source the sink is off.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.client import notion_id
from whoop_assets.sinks.notion.errors import NotionNotInstalled
from whoop_assets.sinks.notion.mapping import DEFAULT, PageMapping, parse
from whoop_assets.sinks.notion.pages import COLUMNS


@dataclass(frozen=True, slots=True)
class Target:
    """Data source and mapping of the pages."""

    source: str
    mapping: PageMapping


def is_configured(settings: Settings) -> bool:
    """Returns whether the sink is on. Its configuration may still be invalid."""
    return what_is_missing(settings) is None


def what_is_missing(settings: Settings) -> str | None:
    """Returns a sentence about missing settings; None if the sink is on."""
    missing = [
        name
        for name, value in (
            ("NOTION_TOKEN", settings.notion_token.get_secret_value()),
            ("WHOOP_NOTION_DATA_SOURCE", settings.notion_data_source),
        )
        if not value
    ]
    if not missing:
        return None
    return (
        f"Notion is not configured: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set."
        " See docs/notion.md."
    )


def target(settings: Settings) -> Target:
    """Returns the configured data source and mapping. Raises ConfigurationError."""
    missing = what_is_missing(settings)
    if missing is not None:
        raise ConfigurationError(missing)
    return Target(notion_id(settings.notion_data_source, "WHOOP_NOTION_DATA_SOURCE"), page_mapping(settings))


def page_mapping(settings: Settings) -> PageMapping:
    """Returns the mapping from the file in WHOOP_NOTION_MAPPING, or the default.

    Raises ConfigurationError.
    """
    if not settings.notion_mapping:
        return parse(_yaml(DEFAULT), COLUMNS)
    path = Path(settings.notion_mapping)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file {path.name} in WHOOP_NOTION_MAPPING cannot be read ({type(error).__name__}): check"
            " the path, and that it is UTF-8."
        ) from None
    return parse(_yaml(text), COLUMNS)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise NotionNotInstalled(
            "PyYAML is not installed: install the optional extra, `pip install 'whoop-assets[notion]'`."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        raise ConfigurationError(
            f"The file that WHOOP_NOTION_MAPPING names is not YAML{where}: correct it."
        ) from None
