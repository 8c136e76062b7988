"""Environment variables and Dagster homes for commands that use the simulator of a stage."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop

if TYPE_CHECKING:
    import dagster as dg

# Settings of the partitions. A developer's .env must not change a figure.
PARTITIONS = {"WHOOP_START_DATE": "2020-01-01", "WHOOP_TIMEZONE": "UTC"}


@contextlib.contextmanager
def stage_environment(stage: SimulatedWhoop) -> Iterator[None]:
    """Uses the stage's folder and WHOOP settings during the block; import the definitions inside it."""
    before = dict(os.environ)
    with contextlib.chdir(stage.folder):
        try:
            choose_database(stage, "unused")
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def choose_database(stage: SimulatedWhoop, name: str) -> None:
    """Sets the environment to a database of the stage."""
    os.environ.update(child_environment(stage, name))


def child_environment(stage: SimulatedWhoop, name: str) -> dict[str, str]:
    """Returns the environment of a process that uses a database of the stage."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("WHOOP_")}
    return variables | PARTITIONS | stage.environment(name)


def new_home(folder: Path) -> Path:
    """Create an empty Dagster home with its configuration."""
    from whoop_assets.cli.backfill.dagster_home import make_home

    return make_home(folder)


@contextlib.contextmanager
def new_instance(folder: Path) -> Iterator["dg.DagsterInstance"]:
    """Open a Dagster instance on SQLite, as `whoop-assets backfill` does."""
    from whoop_assets.cli.backfill.dagster_home import open_instance

    with open_instance(new_home(folder)) as instance:
        yield instance


def quiet_run_config() -> dict[str, object]:
    """Configuration of a run that logs only to its instance, as in `whoop-assets backfill`."""
    warnings.filterwarnings("ignore", module="dagster")
    return {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def size_of(*paths: Path) -> int:
    """Total bytes of the files, including all files in folders."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in (path.rglob("*") if path.is_dir() else [path])
        if file.is_file()
    )
