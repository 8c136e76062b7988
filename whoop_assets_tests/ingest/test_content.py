"""The canonical text of a record: one text for one content, whatever the order of its fields."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.ingest.content import canonical

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.text(), ANY_JSON, max_size=6)


def turned(value: Any) -> Any:
    """The same with the fields of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: turned(one) for name, one in reversed(value.items())}
    return [turned(one) for one in value] if isinstance(value, list) else value


@given(RECORDS)
def test_the_text_does_not_depend_on_the_order_of_fields(record: dict[str, Any]) -> None:
    assert canonical(record) == canonical(turned(record))


@given(RECORDS)
def test_the_text_is_json_that_says_the_same(record: dict[str, Any]) -> None:
    assert json.loads(canonical(record)[0]) == record


@given(RECORDS, RECORDS)
def test_other_contents_have_other_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    same_text = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical(one)[1] == canonical(other)[1]) == same_text


def test_one_and_one_point_nought_are_different_contents() -> None:
    assert len({canonical({"a": value})[1] for value in (1, 1.0, True, "1")}) == 4


def test_a_text_that_utf_8_cannot_hold_is_kept_escaped() -> None:
    assert canonical({"b": 1, "a": "\ud800é"})[0] == r'{"a":"\ud800\u00e9","b":1}'
