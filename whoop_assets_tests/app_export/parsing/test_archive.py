"""Exports as zip files and folders."""

import io
import zipfile

import pytest

from whoop_assets.app_export.parsing.archive import MAX_FILE_BYTES, UnreadableExport, files_of_zip, read_files
from whoop_assets_tests.support.home import frozen_world
from whoop_simulator.world.app_export import files_of, write_export


# Folders
def test_a_folder_gives_the_same_files_as_the_zip_and_links_are_not_followed(tmp_path):
    world = frozen_world(days=5, seed=3)
    files = files_of(world.truth(world.user_ids[0]), "subfolder")
    write_export(tmp_path / "export", files)
    write_export(tmp_path / "export.zip", files)
    assert read_files(tmp_path / "export") == read_files(tmp_path / "export.zip")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "sleeps.csv").symlink_to(tmp_path / "export.zip")
    with pytest.raises(UnreadableExport):
        read_files(tmp_path / "linked")


# Zips
def zip_of(entries, *, compression=zipfile.ZIP_DEFLATED, level=None):
    zip_file = io.BytesIO()
    with zipfile.ZipFile(zip_file, "w", compression, compresslevel=level) as out:
        for name, content in entries:
            out.writestr(name, content)
    zip_file.seek(0)
    return zip_file


def test_files_in_folders_are_found_and_copies_of_macos_are_ignored():
    zip_file = zip_of(
        [
            ("my_whoop_data/", b""),
            ("my_whoop_data/Sleeps.csv", b"a"),
            ("__MACOSX/my_whoop_data/._sleeps.csv", b"b"),
            ("read me.txt", b"c"),
        ]
    )
    assert files_of_zip(zip_file, "export.zip") == {"my_whoop_data/Sleeps.csv": b"a"}


LINK = zipfile.ZipInfo("sleeps.csv")
LINK.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    "name",
    ["../sleeps.csv", "/etc/sleeps.csv", "a/../../sleeps.csv", "..\\sleeps.csv", "C:\\sleeps.csv", LINK],
    ids=str,
)
def test_a_path_outside_the_archive_is_an_error(name):
    with pytest.raises(UnreadableExport, match=r"leads out .*: give the zip"):
        files_of_zip(zip_of([(name, b"x"), ("workouts.csv", b"")]), "export.zip")


def test_a_file_that_is_too_large_is_an_error_before_it_is_read_completely():
    zip_file = zip_of([("sleeps.csv", bytes(MAX_FILE_BYTES + 1))], level=1)
    assert len(zip_file.getvalue()) < MAX_FILE_BYTES / 100
    with pytest.raises(UnreadableExport, match="larger than 64 MiB"):
        files_of_zip(zip_file, "export.zip")


def test_a_csv_file_that_is_too_large_is_named_once(tmp_path):
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(UnreadableExport, match=r"^big\.csv is larger than 64 MiB.*: give the zip"):
        read_files(tmp_path / "big.csv")


def test_a_file_that_is_larger_than_stated_in_the_zip_is_an_error():
    valid = zip_of([("sleeps.csv", b"\0" * 5000)]).getvalue()
    understated = valid.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert understated != valid
    with pytest.raises(UnreadableExport):
        files_of_zip(io.BytesIO(understated), "export.zip")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 not really", zip_of([("notes.txt", b"x")]).getvalue()],
    ids=["empty", "truncated", "no export"],
)
def test_a_file_that_is_not_an_export_gives_one_sentence_with_its_name(content):
    with pytest.raises(UnreadableExport) as error:
        files_of_zip(io.BytesIO(content), "export.zip")
    assert "export.zip" in str(error.value)
