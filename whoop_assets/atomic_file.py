"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def put(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file, and put it in the place of `path` in one step; its folder is made where there is none.

    File and new folders are their owner's alone, as what this package writes holds health data. Raises OSError and what
    `write` raises: then the file is what it was before, and nothing lies beside it. A process that is killed in the middle
    leaves the file as it was too, and a hidden one beside it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes it with mode 0600; beside the target, so that the last step is a rename.
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)
        raise
