"""The CSV files of an export: in a zip, in a folder, or one alone. A zip is never unpacked to a disk."""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from whoop_assets.errors import WhoopError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Of one file. Ten years of journal are 10 MB."""
MAX_TOTAL_BYTES = 4 * MAX_FILE_BYTES
"""Of all CSV files in one zip or folder."""
MAX_CSV_FILES = 50
"""An export has four. More are no export, or several."""
MAX_ENTRIES = 10_000
MAX_DEPTH = 3
"""How many folders below the given one the files of an export are looked for."""

_DRIVE = re.compile(r"[A-Za-z]:")
_ZIP = b"PK"


class UnreadableExport(WhoopError):
    """The file or folder is no export, or is not safe to read; nothing was stored."""


def read_files(path: Path) -> dict[str, bytes]:
    """The CSV files at this path, a zip, a folder or one CSV file, by their path in it.

    Raises UnreadableExport, and OSError when the path cannot be read.
    """
    shown = path.name or str(path)
    if path.is_dir():
        return _files_of_folder(path, shown)
    with path.open("rb") as file:
        begins = file.read(len(_ZIP))
        file.seek(0)
        if path.suffix.lower() != ".csv" or begins == _ZIP:
            return files_of_zip(file, shown)
        content = file.read(MAX_FILE_BYTES + 1)
    _require_size(len(content), shown)
    return {path.name: content}


def files_of_zip(file: BinaryIO, shown: str) -> dict[str, bytes]:
    """Path -> content of the CSV files in this zip; `shown` is what errors call it.

    Raises UnreadableExport when it is no zip, when a path in it is absolute, climbs or is a link, or when a
    file is larger than
    MAX_FILE_BYTES: that is found while it is read, whatever the zip says of its size.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise UnreadableExport(
                    f"{shown} holds {len(entries)} files, and an export has a handful: give the zip that"
                    " the app sent."
                )
            for entry in entries:
                _require_harmless(entry, shown)
            wanted = [entry for entry in entries if not entry.is_dir() and _is_csv(entry.filename)]
            _require_count([entry.filename for entry in wanted], shown)
            found: dict[str, bytes] = {}
            for entry in wanted:
                found[entry.filename] = _content(archive, entry, shown)
                _require_total(found, shown)
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, RuntimeError) and "password" in str(error):
            raise UnreadableExport(f"{shown} is encrypted: give the zip as the app sent it.") from None
        raise UnreadableExport(
            f"{shown} cannot be read as a zip: it may have been cut short on the way, so fetch the export"
            " again."
        ) from None


def _files_of_folder(path: Path, shown: str) -> dict[str, bytes]:
    found: dict[str, Path] = {}
    for folder, below, names in os.walk(path):
        if len(Path(folder).relative_to(path).parts) >= MAX_DEPTH:
            below.clear()
        below.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if not file.is_symlink() and _is_csv(name):
                found[file.relative_to(path).as_posix()] = file
    _require_count(list(found), shown)
    contents = {}
    for name, file in found.items():
        _require_size(file.stat().st_size, f"{name} in {shown}")
        contents[name] = file.read_bytes()
        _require_total(contents, shown)
    return contents


def _is_csv(path: str) -> bool:
    """Whether it is a CSV file, and none that macOS adds to a zip with attributes in it instead of data."""
    parts = PurePosixPath(path.replace("\\", "/"))
    return (
        parts.suffix.lower() == ".csv" and "__MACOSX" not in parts.parts and not parts.name.startswith("._")
    )


def _require_count(names: Iterable[str], shown: str) -> None:
    count = len(list(names))
    if not count:
        raise UnreadableExport(f"{shown} holds no CSV file: give the zip that the app sent.")
    if count > MAX_CSV_FILES:
        raise UnreadableExport(
            f"{shown} holds {count} CSV files, and an export has four: give the export alone."
        )


def _require_size(size: int, shown: str) -> None:
    if size > MAX_FILE_BYTES:
        raise UnreadableExport(
            f"{shown} is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB, which no export is: give the zip"
            " that the app sent."
        )


def _require_total(contents: Mapping[str, bytes], shown: str) -> None:
    if sum(map(len, contents.values())) > MAX_TOTAL_BYTES:
        raise UnreadableExport(
            f"The CSV files in {shown} are larger than {MAX_TOTAL_BYTES // 1024 // 1024} MiB together,"
            " which no export is: give the export alone."
        )


def _require_harmless(entry: zipfile.ZipInfo, shown: str) -> None:
    path = entry.filename.replace("\\", "/")
    climbs = path.startswith("/") or _DRIVE.match(path) or ".." in path.split("/")
    if climbs or stat.S_ISLNK(entry.external_attr >> 16):
        raise UnreadableExport(
            f"{shown} holds a path that leads out of it, which no export of the app does: give the zip"
            " that the app sent."
        )


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, shown: str) -> bytes:
    with archive.open(entry) as content:
        read = content.read(MAX_FILE_BYTES + 1)
    _require_size(len(read), f"{PurePosixPath(entry.filename).name} in {shown}")
    return read
