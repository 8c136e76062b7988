"""Finds programs that the tests start, such as a browser; installs Debian's package if needed and allowed."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest


class MissingProgram(Exception):
    """A program does not exist, and cannot be installed."""


@lru_cache
def find_or_install(names: Sequence[str], package: str, variable: str) -> str:
    """Returns the path of a program.

    Root on a machine with apt installs the package if the program does not exist. The installation starts no
    service.

    Args:
        names: Names of the program on the path.
        package: Debian package, which contains the first name.
        variable: Environment variable that overrides the search.

    Raises:
        MissingProgram: The program does not exist, and cannot be installed.
    """
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingProgram(
            f"There is no {package} for the tests: install {package}, or name the program in {variable}."
        )
    # Only one test worker may install at a time.
    with (Path(tempfile.gettempdir()) / f"whoop-tests-{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "--no-install-recommends", package]
        for command in (["apt-get", "update"], install):
            if shutil.which(names[0]):
                break
            subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    installed = shutil.which(names[0])
    if installed is None:
        raise MissingProgram(
            f"{package} could not be installed with apt-get: install it by hand, or name the program in"
            f" {variable}."
        )
    return installed


def require_program(names: Sequence[str], package: str, variable: str) -> str:
    """Returns the path of a program. Without it the test is skipped, in CI it fails."""
    try:
        return find_or_install(tuple(names), package, variable)
    except MissingProgram as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
