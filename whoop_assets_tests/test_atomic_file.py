"""A file is there whole or not at all."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from whoop_assets import atomic_file


def test_a_file_is_put_in_place_with_its_folders_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "2026" / "1.html"
    atomic_file.write_atomically(path, lambda file: file.write(b"whole"))
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["1.html"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_half_way_leaves_the_last_file_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "1.html"
    atomic_file.write_atomically(path, lambda file: file.write(b"the last one"))

    def breaks_off(file: BinaryIO) -> None:
        file.write(b"the next")
        raise error

    with pytest.raises(error):
        atomic_file.write_atomically(path, breaks_off)
    assert path.read_bytes() == b"the last one"
    assert os.listdir(tmp_path) == ["1.html"]
