"""Versions of the derived tables.

An upgrade marks rows stale that an older version of the program computed.
"""

from collections.abc import Mapping

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select

from whoop_assets.errors import SchemaMismatch

VERSIONS = {"daily_summary": 1, "trends": 1, "weekly_summary": 1, "journal_effects": 1}
"""Derived table -> version of its columns and of the rules that compute them.

Raise the number with each change after which existing rows must be computed again.
"""

# Like alembic's version table, this table describes the schema, so `db copy` and `db compare` leave it out.
schema_metadata = MetaData()
derived_versions = Table(
    "derived_versions",
    schema_metadata,
    Column(
        "table_name", String(64), primary_key=True, comment="name of a table that is computed from others"
    ),
    Column(
        "version",
        Integer,
        nullable=False,
        comment="version of the computation; each row has it or is marked stale",
    ),
    comment="Version of each derived table. `db upgrade` raises it and marks the table's rows stale.",
)


def require_current(connection: Connection) -> None:
    """Raise SchemaMismatch unless the derived tables have this program's versions.

    A process calls it before it writes, because an upgrade may have happened while it was running. Rows of
    its older rules would count as new ones.
    """
    stored = stored_versions(connection)
    require_none_newer(stored)
    if outdated := older(stored):
        name = outdated[0]
        raise SchemaMismatch(
            f"The table {name} has version {stored.get(name, 0)}, and this version of whoop-assets computes"
            f" version {VERSIONS[name]}: run `whoop-assets db upgrade`."
        )


def stored_versions(connection: Connection) -> dict[str, int]:
    c = derived_versions.c
    return dict(connection.execute(select(c.table_name, c.version)).all())


def older(stored: Mapping[str, int]) -> list[str]:
    return [name for name, version in VERSIONS.items() if stored.get(name, 0) < version]


def require_none_newer(stored: Mapping[str, int]) -> None:
    for name, version in VERSIONS.items():
        if stored.get(name, 0) > version:
            raise SchemaMismatch(
                f"The table {name} has version {stored[name]}, which is newer than this version of"
                f" whoop-assets computes ({version}): install the newer whoop-assets."
            )
