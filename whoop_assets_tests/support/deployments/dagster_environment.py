"""The project's Dagster on a stage: WHOOP_* as the stage has them, and a new Dagster home for every run."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from whoop_assets_tests.support.deployments.simulator_process import Stage

if TYPE_CHECKING:
    import dagster as dg

# What the partitions are made of; a developer's own .env must not change a figure.
PARTITIONS = {"WHOOP_START_DATE": "2020-01-01", "WHOOP_TIMEZONE": "UTC"}


@contextlib.contextmanager
def surroundings(stage: Stage) -> Iterator[None]:
    """Work in the stage's folder, where no .env lies, on the stage's WHOOP. Import the definitions in here, not before."""
    before = dict(os.environ)
    with contextlib.chdir(stage.folder):
        try:
            choose_database(stage, "unused")
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def choose_database(stage: Stage, name: str) -> None:
    """Let the environment name this database of the stage."""
    os.environ.update(child_environment(stage, name))


def child_environment(stage: Stage, name: str) -> dict[str, str]:
    """The environment of a process that works on this database of the stage."""
    nobodys = {key: value for key, value in os.environ.items() if not key.startswith("WHOOP_")}
    return nobodys | PARTITIONS | stage.environment(name)


def new_home(folder: Path) -> Path:
    """A Dagster home with nothing in it but its configuration."""
    from whoop_assets.cli.backfill.dagster_home import make_home

    return make_home(folder)


@contextlib.contextmanager
def new_instance(folder: Path) -> Iterator["dg.DagsterInstance"]:
    """A Dagster instance on SQLite, as `whoop-assets backfill` opens it."""
    from whoop_assets.cli.backfill.dagster_home import open_instance

    with open_instance(new_home(folder)) as instance:
        yield instance


def quiet_run_config() -> dict[str, object]:
    """A run that logs to its instance alone, as `whoop-assets backfill` runs it."""
    warnings.filterwarnings("ignore", module="dagster")
    return {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def size_of(*paths: Path) -> int:
    """Bytes of the files, and of all files in the folders."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in (path.rglob("*") if path.is_dir() else [path])
        if file.is_file()
    )
