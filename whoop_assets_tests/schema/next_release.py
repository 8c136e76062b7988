"""The program as a later release might be: its migrations and one more."""

import shutil
from pathlib import Path

import pytest
from alembic.config import Config

from whoop_assets import schema

NEXT = "next"
"""Revision of the added migration."""

_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {statements}
"""


def add_migration(folder: Path, monkeypatch: pytest.MonkeyPatch, *statements: str) -> str:
    """Let the program have one more migration, in this process.

    Args:
        folder: An empty folder, for a copy of the migrations.
        monkeypatch: Undoes it after the test.
        statements: Lines of the migration's `upgrade()`; `op` and `sa` are imported.

    Returns:
        The revision that was the newest before.
    """
    before = schema.newest()
    migrations = shutil.copytree(Path(schema.__file__).parent / "migrations", folder / "migrations")
    text = _MIGRATION.format(revision=NEXT, before=before, statements="\n    ".join(statements))
    (migrations / "versions" / "next.py").write_text(text)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    monkeypatch.setattr(schema, "alembic_config", lambda: config)
    return before
