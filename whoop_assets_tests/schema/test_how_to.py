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


def test_the_how_to_lists_every_day_rule():
    assert set(get_args(DayRule)) <= set(QUOTED)


def test_the_how_to_names_the_versions_of_derived_tables():
    assert "VERSIONS" in QUOTED
    assert derived_versions.VERSIONS
