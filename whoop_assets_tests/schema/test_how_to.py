"""The how-to for columns and streams names files that exist, and values that the code knows."""

import re
from pathlib import Path
from typing import get_args

from whoop_assets import derived_versions
from whoop_assets.whoop_api.streams import DayRule

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs" / "how-to-add-a-column-or-stream.md").read_text()
QUOTED = re.findall(r"`([^`\n]+)`", HOW_TO)


def test_every_file_and_folder_of_the_how_to_exists():
    paths = [name for name in QUOTED if "/" in name]
    assert len(paths) > 10
    assert [name for name in paths if not (ROOT / name).exists()] == []


def test_every_step_of_the_how_to_names_files_with_the_names_that_it_quotes():
    found = set()
    for step in re.split(r"\n\n|\n(?=[0-9]\. )", HOW_TO):
        quoted = re.findall(r"`([^`\n]+)`", step)
        files = [ROOT / path for path in quoted if "/" in path and path.endswith(".py")]
        program = "".join(file.read_text() for file in files)
        names = [name for name in quoted if re.fullmatch(r"_[a-z_]+|[A-Z][A-Z_]+", name)]
        names += [name for code in quoted for name in re.findall(r"(\w+)\(", code)]
        assert [name for name in names if not re.search(rf"\b{name}\b", program)] == [], step
        found |= set(names)
    assert found == {"BOUNDS", "NOT_EXPORTED", "SLEEP_VALUES", "VERSIONS", "_sleep", "count", "derived"}


def test_every_test_that_the_how_to_names_exists():
    names = {name for name in QUOTED if re.fullmatch(r"(naive|test)_\w+\.py", name)}
    assert names <= {path.name for path in (ROOT / "whoop_assets_tests").rglob("*.py")}


def test_the_how_to_lists_every_day_rule():
    assert set(get_args(DayRule)) <= set(QUOTED)


def test_the_how_to_names_the_versions_of_derived_tables():
    assert "VERSIONS" in QUOTED
    assert derived_versions.VERSIONS
