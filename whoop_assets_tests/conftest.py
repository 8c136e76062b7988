"""Fixtures of all tests: no settings of the developer, a fixed time, and a new database for each test."""

import gc
import itertools
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from whoop_assets.db import database as database_module
from whoop_assets.db.database import Database
from whoop_assets.schema import prepare
from whoop_assets_tests.support.fixed_time import NOW, fixed_time
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.marks import slow
from whoop_assets_tests.support.servers.postgres import TEMPLATE, Server, running_server
from whoop_assets_tests.support.shared_statements import create_sharing_engine
from whoop_simulator.running import RunningSimulator

ROOT = Path(__file__).parent.parent
TEST_VARIABLES = {"WHOOP_OPENAPI"}
"""Variables that configure the tests.

All other WHOOP_* and NOTION_* variables belong to the developer's account.
"""
PROJECT_PREFIXES = ("WHOOP_", "NOTION_")

# Tests kill processes, not machines, so their files need no disk. On a disk the suite takes twice as long.
MEMORY_FOLDER, MIN_FREE_BYTES = Path("/dev/shm"), 8 << 30


def _free_memory_bytes() -> int:
    """Bytes that are free in memory for temporary files."""
    try:
        available = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
        writable = os.access(MEMORY_FOLDER, os.W_OK)
        return (
            min(shutil.disk_usage(MEMORY_FOLDER).free, int(available[1]) << 10)
            if available and writable
            else 0
        )
    except OSError:
        return 0


set_hypothesis_home_dir(ROOT / ".hypothesis")
_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile("local", deadline=None, max_examples=25, suppress_health_check=_SLOW)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.register_profile("long", settings.get_profile("local"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local"))


_environment = pytest.MonkeyPatch()


def pytest_configure() -> None:
    """Set the environment of the test run; `pytest_unconfigure` restores it."""
    # The partitions read the settings when a test module imports them. An empty variable wins over .env.
    for name in {*os.environ, *dotenv_values(ROOT / ".env")}:
        if name.startswith(PROJECT_PREFIXES) and name not in TEST_VARIABLES:
            _environment.setenv(name, "")
    _environment.delenv("DAGSTER_HOME", raising=False)
    if os.environ.get("WHOOP_OPENAPI"):
        _environment.setenv("WHOOP_OPENAPI", str(Path(os.environ["WHOOP_OPENAPI"]).resolve()))
    if "TMPDIR" not in os.environ and _free_memory_bytes() > MIN_FREE_BYTES:
        _environment.setenv("TMPDIR", str(MEMORY_FOLDER))
        _environment.setattr(tempfile, "tempdir", str(MEMORY_FOLDER))
    _environment.setattr(database_module, "create_engine", create_sharing_engine)
    # Background jobs of a shell ignore SIGINT, and so would the child processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Exempt the loaded modules from garbage collection, which takes a sixth of the time otherwise."""
    gc.collect()
    gc.freeze()
    # A full collection after a hundred of the middle generation instead of ten: tests leave few cycles.
    gc.set_threshold(700, 10, 100)


def pytest_unconfigure() -> None:
    _environment.undo()
    gc.unfreeze()  # DuckDB reports what is not collected at the end


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests at the fixed time."""
    with fixed_time():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run each test and its fixtures at the fixed time."""
    with nullcontext() if item.get_closest_marker("machine_time") else fixed_time():
        return (yield)


@pytest.fixture(autouse=True)
def _without_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove .env and all WHOOP_* and NOTION_* variables from the test's environment."""
    for name in list(os.environ):
        if name.startswith(PROJECT_PREFIXES) and name not in TEST_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    """The clock of `database`; it moves only by `advance`."""
    return ManualClock(NOW)


# Databases


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL server per test worker; it starts in less than a second."""
    with running_server() as server:
        template = Database(server.create("whoop_template"))
        prepare(template)
        template.close()
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    template = Database(f"sqlite:///{path}")
    prepare(template)
    template.close()
    return path


_numbers = itertools.count(1)


@pytest.fixture
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Create databases with the schema: `new_database_url("sqlite"|"postgresql", empty=False)`."""
    with ExitStack() as cleanup:

        def new(kind: str, *, empty: bool = False) -> str:
            number = next(_numbers)
            if kind == "sqlite":
                path = tmp_path / f"whoop{number}.db"
                if not empty:
                    shutil.copy(request.getfixturevalue("sqlite_template"), path)
                return f"sqlite:///{path}"
            server: Server = request.getfixturevalue("postgres_server")
            name = f"whoop{number}"
            url = server.create(name, template=TEMPLATE if empty else "whoop_template")
            cleanup.callback(server.drop, name)
            return url

        yield new


@pytest.fixture(params=["sqlite", *slow("postgresql")])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Run a test on SQLite, and on PostgreSQL among the slow tests.

    Where SQL is the subject, a conftest or a module overrides this fixture, so that the fast run covers both.
    """
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, new_database_url: Callable[..., str]) -> str:
    """The URL of a fresh database with the schema, of each kind."""
    return new_database_url(database_kind)


@pytest.fixture
def empty_database_url(database_kind: str, new_database_url: Callable[..., str]) -> str:
    """The URL of a fresh empty database, of each kind."""
    return new_database_url(database_kind, empty=True)


@pytest.fixture
def sqlite_url(new_database_url: Callable[..., str]) -> str:
    """The URL of a fresh SQLite database with the schema."""
    return new_database_url("sqlite")


@pytest.fixture
def postgres_url(new_database_url: Callable[..., str]) -> str:
    """The URL of a fresh PostgreSQL database with the schema."""
    return new_database_url("postgresql")


@pytest.fixture
def database(database_url: str, clock: ManualClock) -> Iterator[Database]:
    """A fresh database of each kind, on `clock`."""
    opened = Database(database_url, clock)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(new_database_url: Callable[..., str], clock: ManualClock) -> Iterator[Database]:
    """A fresh SQLite database, on `clock`."""
    opened = Database(new_database_url("sqlite"), clock)
    yield opened
    opened.close()


# WHOOP


@pytest.fixture
def simulator() -> Iterator[Callable[..., RunningSimulator]]:
    """Start simulators with a clock frozen at `NOW`: `simulator(members=1, days=30, seed=7,
    limits=False)`.
    """
    with ExitStack() as cleanup:
        yield lambda **world: cleanup.enter_context(RunningSimulator(**{"now": NOW, "frozen": True, **world}))
