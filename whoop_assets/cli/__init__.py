"""The command line `whoop-assets`: one file per command.

Dagster, SQLAlchemy and httpx are imported where they are needed, so that `--help` is fast.
"""

from whoop_assets.cli.main import main

__all__ = ["main"]
