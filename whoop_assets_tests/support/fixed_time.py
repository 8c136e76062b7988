"""One date for the whole suite: each test begins at `NOW`, and so does the clock of every process that it
starts.

Python's clock runs on from there, in UTC, in this process and in its children: `SystemClock`, Dagster and the
simulator agree. `postgres.py` does the same for `clock_timestamp()` of the test servers. These clocks stay
the machine's, and no test may depend on them: SQL's `CURRENT_TIMESTAMP` in Dagster's own tables, the times of
files, other programs. Only one thing is assumed of the machine's clock: that it is past `NOW`.

Tests that start Dagster's web server, daemon or code server have the marker `machine_time` and run at the
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
"""Noon, so that neither the hour nor the day ends while a test runs."""
TODAY = NOW.date()

SHIFT_VARIABLE = "TEST_CLOCK_SHIFT_NANOSECONDS"
"""Tells a child process how far its clock is from the machine's."""
SET_CLOCK = Path(__file__).parent / "child_process" / "sitecustomize.py"
"""Sets the clock of a child process.

Python runs it at the start of every process that has its folder on PYTHONPATH.
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
    """The PYTHONPATH of a child process that has these folders on its path and keeps the tests' time."""
    return os.pathsep.join(str(folder) for folder in (SET_CLOCK.parent, *folders) if str(folder))


def only_time(*folders: str | Path) -> dict[str, str]:
    """The environment of a child process that gets nothing else: the tests' time, and these folders on its
    path.
    """
    return {"PYTHONPATH": python_path(*folders), SHIFT_VARIABLE: os.environ[SHIFT_VARIABLE], "PATH": ""}
