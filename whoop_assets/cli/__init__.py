"""The command line, `whoop-assets`: one file a command, and beside them what the commands are made of.

Dagster, SQLAlchemy and httpx are imported where they are needed, so that `--help` answers at once.
"""

from whoop_assets.cli.main import main

__all__ = ["main"]
