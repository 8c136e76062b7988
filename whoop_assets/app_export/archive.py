"""The files of an export in a zip: found by their names, wherever they lie in it, and never unpacked to a disk."""

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import BinaryIO, TypeVar

from whoop_assets.errors import WhoopError

CYCLES, SLEEPS, WORKOUTS, JOURNAL = (
    "physiological_cycles.csv",
    "sleeps.csv",
    "workouts.csv",
    "journal_entries.csv",
)
FILES = (CYCLES, SLEEPS, WORKOUTS, JOURNAL)

MOST_BYTES = 64 * 1024 * 1024
"""Of one file. Ten years of journal are 10 MB; what is larger was made to be large."""
MOST_ENTRIES = 10_000

Found = TypeVar("Found")

_DRIVE = re.compile(r"[A-Za-z]:")


class UnreadableExport(WhoopError):
    """What was given is not an export, or not one that is safe to read; nothing was stored."""


def files_of_zip(file: BinaryIO, shown: str) -> dict[str, bytes]:
    """Name -> content of the files of an export in this zip; `shown` is what errors call it.

    Raises UnreadableExport when it is no zip, when a path in it is absolute, climbs or is a link, when a name is there twice,
    or when a file is larger than MOST_BYTES: that is found while it is read, whatever the zip says of its size.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise UnreadableExport(
                    f"{shown} holds {len(entries)} files, and an export has a handful: give the zip that the app sent."
                )
            for entry in entries:
                _require_harmless(entry, shown)
            wanted = one_of_each({entry.filename: entry for entry in entries if not entry.is_dir()}, shown)
            return {name: _content(archive, entry, shown) for name, entry in wanted.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, RuntimeError) and "password" in str(error):
            raise UnreadableExport(f"{shown} is encrypted: give the zip as the app sent it.") from None
        raise UnreadableExport(
            f"{shown} cannot be read as a zip: it may have been cut short on the way, so fetch the export again."
        ) from None


def one_of_each(paths: Mapping[str, Found], shown: str) -> dict[str, Found]:
    """The path of each file of an export among these, by the file's name.

    Raises UnreadableExport when none is there, or one twice: which is meant cannot be told.
    """
    found: dict[str, Found] = {}
    for path, value in paths.items():
        parts = PurePosixPath(path)
        # What macOS adds to a zip: the same names again, with attributes in them instead of data.
        if "__MACOSX" in parts.parts or parts.name.startswith("._"):
            continue
        name = parts.name.lower()
        if name not in FILES:
            continue
        if name in found:
            raise UnreadableExport(
                f"{shown} holds {name} more than once: give the export that is meant alone."
            )
        found[name] = value
    if not found:
        raise UnreadableExport(f"{shown} holds none of {', '.join(FILES)}: it is not the app's data export.")
    return found


def require_size(size: int, name: str, shown: str) -> None:
    """Raise UnreadableExport for a file that is too large to be one of an export."""
    if size > MOST_BYTES:
        raise UnreadableExport(
            f"{name} in {shown} is larger than {MOST_BYTES // 1024 // 1024} MiB, which no export is: it was not read."
        )


def _require_harmless(entry: zipfile.ZipInfo, shown: str) -> None:
    path = entry.filename.replace("\\", "/")
    climbs = path.startswith("/") or _DRIVE.match(path) or ".." in path.split("/")
    if climbs or stat.S_ISLNK(entry.external_attr >> 16):
        raise UnreadableExport(
            f"{shown} holds a path that leads out of it, which no export of the app does: it was not read."
        )


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, shown: str) -> bytes:
    with archive.open(entry) as content:
        read = content.read(MOST_BYTES + 1)
    require_size(len(read), PurePosixPath(entry.filename).name, shown)
    return read
