"""A fixed time for the whole suite: each test, and each process that it starts, begins at `NOW`.

Python's clock continues from there, in UTC, in this process and its children, so `SystemClock`, Dagster and
the simulator agree. `servers/postgres.py` does the same for `clock_timestamp()` of the test servers. Tests
must not depend on clocks that stay the machine's: SQL's `CURRENT_TIMESTAMP` in Dagster's tables, times of
files, other programs. The machine's clock must be later than `NOW`.

Tests that start Dagster's web server, daemon or code server have the marker `machine_time` and use the
machine's time: gRPC's native code compares deadlines with the machine's clock, so with another clock every
call exceeds its deadline.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""Noon, so that the day does not end during a test."""
TODAY = NOW.date()

SHIFT_VARIABLE = "TEST_CLOCK_SHIFT_NANOSECONDS"
"""The environment variable with the offset of a child process's clock from the machine's."""
SET_CLOCK = Path(__file__).parent / "child_process" / "sitecustomize.py"
"""Sets the clock of a child process.

Python runs it at the start of every process with its folder on PYTHONPATH.
"""


@contextmanager
def fixed_time() -> Iterator[None]:
    """Set this process's clock to `NOW`, and the clock of each child process to the same moment."""
    with pytest.MonkeyPatch.context() as environment, time_machine.travel(NOW, tick=True):
        shift = time.time_ns() - time_machine.escape_hatch.time.time_ns()
        environment.setenv(SHIFT_VARIABLE, str(shift))
        environment.setenv("PYTHONPATH", python_path(*os.environ.get("PYTHONPATH", "").split(os.pathsep)))
        yield


def python_path(*folders: str | Path) -> str:
    """The PYTHONPATH of a child process with these folders and the tests' time."""
    return os.pathsep.join(str(folder) for folder in (SET_CLOCK.parent, *folders) if str(folder))


def minimal_environment(*folders: str | Path) -> dict[str, str]:
    """The environment of a child process with only the tests' time and these folders on its path."""
    return {"PYTHONPATH": python_path(*folders), SHIFT_VARIABLE: os.environ[SHIFT_VARIABLE], "PATH": ""}
