"""Metadata for Dagster's catalog: table, columns, storage, source code, and the WHOOP API upstream."""

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dagster as dg

from whoop_assets.db.database import normalise_url
from whoop_assets.errors import ConfigurationError
from whoop_assets.schema import metadata
from whoop_assets.settings import Settings

API_ASSET = "api"
"""Name of the external asset that stands for the WHOOP API."""
STORAGE_KIND_TAG = "dagster/storage_kind"
CODE_REFERENCES = "dagster/code_references"
TABLE_NAME = "dagster/table_name"
COLUMN_SCHEMA = "dagster/column_schema"

_SEARCH_PATH = re.compile(r"search_path=(\w+)")


def table_metadata(name: str) -> dict[str, Any]:
    """Return the columns of a table as metadata of its asset."""
    return {
        COLUMN_SCHEMA: dg.TableSchema(
            [
                dg.TableColumn(
                    column.name,
                    type=str(column.type).lower(),
                    description=column.comment,
                    constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=False),
                )
                for column in metadata.tables[name].columns
            ]
        )
    }


def code_reference(function: Callable[..., Any]) -> dict[str, Any]:
    """Return metadata that links an asset to the file and line of its function."""
    source = dg.LocalFileCodeReference(
        file_path=inspect.getsourcefile(function) or "", line_number=function.__code__.co_firstlineno
    )
    return {CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[source])}


def table_location(settings: Settings) -> tuple[str, str]:
    """Return the kind of database, and the prefix that makes the names of its tables unambiguous.

    The prefix is the database and schema of PostgreSQL, and the name of the file for SQLite. Host, user and
    password never appear in it. Both are empty if the URL cannot be used: a run reports that, and definitions
    must load without it.
    """
    try:
        url = normalise_url(settings.database_url)
    except ConfigurationError:
        return "", ""
    if url.get_backend_name() == "sqlite":
        return "sqlite", Path(url.database or "memory").stem
    schema = _SEARCH_PATH.search(str(url.query.get("options", "")))
    return "postgres", f"{url.database}.{schema[1] if schema else 'public'}"


def api_asset(key: dg.AssetKey, group: str, owners: Sequence[str], api_url: str) -> dg.AssetSpec:
    """Return the external asset that stands for the WHOOP API in the lineage.

    Args:
        key: Its key.
        group: Its group.
        owners: Its owners.
        api_url: Base URL of the API. User name, password and query are removed.
    """
    parts = urlsplit(api_url)
    host = parts.netloc.rpartition("@")[2]
    return dg.AssetSpec(
        key,
        group_name=group,
        owners=list(owners),
        kinds={"whoop"},
        description="The WHOOP API. The assets below read it; Dagster does not materialize it.",
        metadata={"dagster/uri": urlunsplit((parts.scheme, host, parts.path, "", ""))},
    )
