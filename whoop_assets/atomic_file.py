"""Writes files atomically: a reader finds the old content or the new content, never a part."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace the file in one step, and create its folder if necessary.

    Only the owner can read the file and a new folder, because they contain health data or keys. The content
    is on the disk before the old file is replaced. A killed process leaves the old file, and a hidden file
    next to it.

    Args:
        path: The file.
        write: Writes the content into an open file.

    Raises:
        OSError: The file cannot be written. The old file stays; so it does after any error of `write`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp creates it with mode 0600; in the same folder, so that it can be renamed.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    with suppress(OSError):  # not every system can sync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
