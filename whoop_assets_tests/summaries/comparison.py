"""Compare rows with those of the independent implementations."""

import json
import re

import pytest

TOO_FEW = re.compile(r"\d+ of \d+ values|too few values since WHOOP changed the definition")


def assert_same_trends(found, expected):
    """Compare rows of `trends`."""
    assert len(found) == len(expected) > 0
    for row, naive in zip(found, expected, strict=True):
        assert set(row) == set(naive)
        assert reasons(row) == reasons(naive), row["day"]
        for name, value in naive.items():
            if isinstance(value, float):
                near = 1e-4 if name.startswith("mid_sleep_sd") else 1e-7  # the root of a length of nearly 1
                assert row[name] == pytest.approx(value, rel=1e-9, abs=near), (name, row["day"])
            elif name != "missing":
                assert row[name] == value, (name, row["day"])


def reasons(row):
    """Return the reasons. The independent implementation does not distinguish the two reasons for too few
    values."""
    found = json.loads(row["missing"] or "{}")
    return {name: "too few values" if TOO_FEW.fullmatch(why) else why for name, why in found.items()}


def assert_same_rows(found, expected, *keys):
    """Compare rows of weeks or journal effects; `keys` are the columns that name a row in a message."""
    assert len(found) == len(expected) > 0
    for row, naive in zip(found, expected, strict=True):
        assert set(row) == set(naive)
        for name, value in naive.items():
            near = pytest.approx(value, rel=1e-7, abs=1e-12) if isinstance(value, float) else value
            assert row[name] == near, (name, *(row[key] for key in keys))
