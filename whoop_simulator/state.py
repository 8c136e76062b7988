"""The state file: what a restarted simulator must still know, written whole and atomically after each change."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from whoop_simulator.errors import SimulatorError

VERSION = 1


def read_state(file: Path) -> dict[str, Any] | None:
    """The saved state, or None when there is no file yet."""
    if not file.exists():
        return None
    try:
        saved = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SimulatorError(
            f"the state file {file} cannot be read ({error}): remove it to begin anew"
        ) from None
    if not isinstance(saved, dict) or saved.get("version") != VERSION:
        raise SimulatorError(f"the state file {file} is not of this version: remove it to begin anew")
    return saved


def write_state(file: Path, state: dict[str, Any]) -> None:
    """Tokens are in it: readable by its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump({"version": VERSION, **state}, stream)
    os.replace(name, file)
