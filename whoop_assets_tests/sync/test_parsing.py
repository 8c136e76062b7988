"""The canonical text of a record does not depend on the order of its fields."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.sync.parsing import canonical
from whoop_assets.whoop_api.http.response_body import RawResponse

NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.builds(
        lambda digits, power: float(f"{digits}e{power}"), st.integers(-9999, 9999), st.integers(-12, 24)
    )
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.text(), ANY_JSON, max_size=6)


def reordered(value: Any) -> Any:
    """The same with the fields of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: reordered(item) for name, item in reversed(value.items())}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(RECORDS)
def test_the_text_does_not_depend_on_the_order_of_fields(record: dict[str, Any]) -> None:
    assert canonical(record) == canonical(reordered(record))


@given(RECORDS)
def test_the_text_is_that_of_pythons_json(record: dict[str, Any]) -> None:
    assert canonical(record)[0] == json.dumps(record, sort_keys=True, separators=(",", ":"))


@given(NUMBERS)
def test_every_number_is_written_as_python_writes_it(number: float) -> None:
    for record in ({"a": number}, {"a": [number, -number]}, [number], number):
        assert canonical(record)[0] == json.dumps(record, separators=(",", ":"))


def test_the_text_is_the_same_in_all_versions() -> None:
    """The hash of a text decides whether a record has changed: none may ever be written otherwise."""
    numbers = [5e-05, 1e16, -0.0, 1.0, 0.0001, 1e-7, 123456789.125, 2**64]
    written = "[5e-05,1e+16,-0.0,1.0,0.0001,1e-07,123456789.125,18446744073709551616]"
    record = {"b": numbers, "a": "é\x7f\u2028/", "c": {"z": None, "y": True}}
    assert canonical(record)[0] == rf'{{"a":"\u00e9\u007f\u2028/","b":{written},"c":{{"y":true,"z":null}}}}'


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"NaN", b"-Infinity"])
def test_a_number_that_no_database_can_store_is_kept_as_text(number: bytes) -> None:
    read = RawResponse(200, {}, b'{"new": %s, "id": 1}' % number).json()
    text, content_hash = canonical(read)
    assert "inf" in json.loads(text) or "nan" in json.loads(text)
    assert content_hash != canonical({"new": None, "id": 1})[1]


@given(RECORDS, RECORDS)
def test_other_contents_have_other_hashes(first: dict[str, Any], second: dict[str, Any]) -> None:
    same_text = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (canonical(first)[1] == canonical(second)[1]) == same_text


def test_an_integer_and_an_equal_float_are_different_contents() -> None:
    assert len({canonical({"a": value})[1] for value in (1, 1.0, True, "1")}) == 4


def test_a_lone_surrogate_is_stored_escaped() -> None:
    assert canonical({"b": 1, "a": "\ud800é"})[0] == r'{"a":"\ud800\u00e9","b":1}'
