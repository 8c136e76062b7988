"""The project's Dagster instance, the same that `make dev` shows.

Its folder is DAGSTER_HOME, or a folder beside the data.

Looked for in this order: DAGSTER_HOME of the environment, DAGSTER_HOME of `.env`, a dagster.yaml in the
working folder, and a home of our own in the data folder, made when it is missing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings, read_dotenv

if TYPE_CHECKING:
    import dagster as dg

HOME = "DAGSTER_HOME"
EVENT_BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE"
DEFAULT_EVENT_BATCH_SIZE = 200
"""Events that Dagster stores at once. More is not faster; fewer let a progress bar move more often."""

_OWN_CONFIG = """\
telemetry: {enabled: false}
nux: {enabled: false}
run_queue: {dequeue_interval_seconds: 1}
concurrency: {runs: {max_concurrent_runs: 4}}
sensors: {use_threads: true, num_workers: 4}
event_log_storage:
  module: whoop_assets.defs.event_log_storage
  class: BatchedSqliteEventLogStorage
  config: {base_dir: $DAGSTER_HOME/history/runs}
"""


def dagster_home(settings: Settings) -> Path:
    """Return the folder of the instance and its dagster.yaml. Raises ConfigurationError."""
    named = os.environ.get(HOME) or home_of_dotenv()
    if named:
        home = Path(named).expanduser()
        if not home.is_absolute() or not home.is_dir():
            raise ConfigurationError(
                f"DAGSTER_HOME is {named}, which is not the absolute path of a folder: correct it, or make"
                f" the folder."
            )
        return home
    if Path("dagster.yaml").exists():
        return Path.cwd()
    return make_home(own_home(settings))


def own_home(settings: Settings) -> Path:
    """Return the default home, which may not exist yet."""
    return settings.data_folder / "dagster"


def home_is_named() -> bool:
    """Whether the environment, `.env` or a dagster.yaml in the working folder names the Dagster home."""
    return bool(os.environ.get(HOME) or home_of_dotenv() or Path("dagster.yaml").exists())


def home_of_dotenv() -> str | None:
    """DAGSTER_HOME as `.env` has it, a ${PWD} in it meaning the working folder."""
    here = os.environ.get("PWD")
    if not here or not os.path.exists(here) or not os.path.samefile(here, "."):
        # A process that was started in another folder can have an outdated PWD.
        os.environ["PWD"] = os.getcwd()
    return read_dotenv().get(HOME)


def make_home(folder: Path) -> Path:
    """A Dagster home with a dagster.yaml; one that was edited stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        config.write_text(_OWN_CONFIG)
    return folder


def event_batch_size() -> int:
    """`DAGSTER_EVENT_BATCH_SIZE` of the environment, else of `.env`, else the default.

    Raises:
        ConfigurationError: It is not a whole number.
    """
    value = os.environ.get(EVENT_BATCH_SIZE) or read_dotenv().get(EVENT_BATCH_SIZE)
    try:
        return int(value or DEFAULT_EVENT_BATCH_SIZE)
    except ValueError:
        raise ConfigurationError(
            f"{EVENT_BATCH_SIZE} is {value!r}, which is not a whole number: write {DEFAULT_EVENT_BATCH_SIZE}."
        ) from None


def stores_batches(home: Path) -> bool:
    """Whether the dagster.yaml of this home names an event log storage of this project."""
    from yaml import YAMLError, safe_load

    try:
        config = safe_load((home / "dagster.yaml").read_text())
        return str(config["event_log_storage"]["module"]).startswith("whoop_assets.")
    except (OSError, UnicodeDecodeError, YAMLError, LookupError, TypeError):
        return False


@contextmanager
def open_instance(home: Path, *, compute_logs: bool = False) -> Iterator["dg.DagsterInstance"]:
    """Return the instance of that home, for runs in this process.

    Raises ConfigurationError if it cannot be opened.

    Sets `DAGSTER_HOME` and `DAGSTER_EVENT_BATCH_SIZE` while it is open, because Dagster reads them from the
    environment. Such runs write no compute logs, unless asked for: they would hold this command's own
    progress bars, and cost two processes a step.
    """
    ours = {HOME: str(home), EVENT_BATCH_SIZE: str(event_batch_size())}
    before = {name: os.environ[name] for name in ours if name in os.environ}
    os.environ.update(ours)
    try:
        with _instance(home, compute_logs=compute_logs) as instance:
            yield instance
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)


def _instance(home: Path, *, compute_logs: bool) -> "dg.DagsterInstance":
    import dagster as dg
    from dagster_shared.check import CheckError
    from sqlalchemy.exc import SQLAlchemyError
    from yaml import YAMLError

    from whoop_assets.defs.dagster_internals import NO_COMPUTE_LOGS, InstanceRef

    overrides = {} if compute_logs else NO_COMPUTE_LOGS
    try:
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides))
    except (YAMLError, UnicodeDecodeError, CheckError):
        raise ConfigurationError(
            f"The Dagster instance in {home} cannot be opened: its dagster.yaml is not YAML of names and"
            " values in UTF-8, so correct it."
        ) from None
    except (dg.DagsterError, SQLAlchemyError) as error:
        reason = (
            str(error).strip().splitlines()[0] if isinstance(error, dg.DagsterError) else type(error).__name__
        )
        raise ConfigurationError(
            f"The Dagster instance in {home} cannot be opened ({reason}): check its dagster.yaml."
        ) from None
