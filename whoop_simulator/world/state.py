"""The state file, from which a restarted simulator continues. It is written atomically after each change."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from whoop_simulator.errors import SimulatorError

VERSION = 1
PARTS = ("world", "start", "clock", "oauth", "members")


def read_state(file: Path) -> dict[str, Any] | None:
    """Return the saved state, or None if the file does not exist."""
    try:
        if not file.exists():
            return None
        saved = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SimulatorError(
            f"the state file {file} cannot be read ({error}): remove it to begin anew"
        ) from None
    if not isinstance(saved, dict) or saved.get("version") != VERSION:
        raise SimulatorError(f"the state file {file} is not of this version: remove it to begin anew")
    if missing := [name for name in PARTS if name not in saved]:
        raise SimulatorError(f"the state file {file} lacks {', '.join(missing)}: remove it to begin anew")
    return saved


@contextmanager
def reporting_damage(file: Path | None) -> Iterator[None]:
    """Report errors of the block, which uses the saved state, as SimulatorError: the file is damaged."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SimulatorError(
            f"the state file {file} is damaged ({type(error).__name__}: {error}): remove it to begin anew"
        ) from None


def write_state(file: Path, state: dict[str, Any]) -> None:
    """Write the state file. It contains tokens, so only its owner may read it."""
    name = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump({"version": VERSION, **state}, stream)
        os.replace(name, file)
    except OSError as error:
        if name is not None:
            with suppress(OSError):
                os.unlink(name)
        raise SimulatorError(
            f"the state file {file} cannot be written ({error.strerror}): give a file in a folder of yours"
        ) from None
