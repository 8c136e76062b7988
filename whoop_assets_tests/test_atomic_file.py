"""Atomic writes: a file is complete or missing."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from whoop_assets import atomic_file


def test_a_new_file_and_its_folders_can_be_read_only_by_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "2026" / "1.html"
    atomic_file.write_atomically(path, lambda file: file.write(b"content"))
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["1.html"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failed_write_keeps_the_previous_file_and_leaves_no_temporary_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "1.html"
    atomic_file.write_atomically(path, lambda file: file.write(b"previous"))

    def write_and_fail(file: BinaryIO) -> None:
        file.write(b"incomplete")
        raise error

    with pytest.raises(error):
        atomic_file.write_atomically(path, write_and_fail)
    assert path.read_bytes() == b"previous"
    assert os.listdir(tmp_path) == ["1.html"]
