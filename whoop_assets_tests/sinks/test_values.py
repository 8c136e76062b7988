"""Conversion of values to column types, and columns for fields that WHOOP added."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.sinks.arrow import arrow_type
from whoop_assets.sinks.layout import MAX_ADDED_COLUMNS, lay_out
from whoop_assets.sinks.source import TABLES
from whoop_assets.sinks.values import DoesNotFitError, column_name, fitted, kind_of, leaves

KINDS = ("int", "long", "double", "boolean", "string", "date", "timestamptz")

scalars = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just("\ud800")
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(json_values, st.sampled_from(KINDS))
def test_arrow_stores_a_converted_value_unchanged(value: Any, kind: str) -> None:
    try:
        converted = fitted(value, kind)
    except DoesNotFitError:
        return
    (stored,) = pa.array([converted], type=arrow_type(kind)).to_pylist()
    assert stored == converted
    if kind in ("int", "long", "double", "boolean"):
        assert stored == value
        assert isinstance(stored, bool) is isinstance(value, bool)


@given(json_values)
def test_every_value_can_be_stored_as_text(value: Any) -> None:
    text = fitted(value, "string")
    text.encode()
    if not isinstance(value, str):
        assert text == json.dumps(value, sort_keys=True, separators=(",", ":"))


@given(st.lists(json_values, min_size=1))
def test_values_fit_the_column_type_chosen_for_them(values: list[Any]) -> None:
    kind = kind_of(values)
    for value in values:
        fitted(value, kind)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False], "boolean"),
        ([1, 2**62], "long"),
        ([1, 2.5], "double"),
        ([7.0], "double"),
        ([2**70], "string"),
        ([2**60, 0.5], "string"),
        ([True, 1], "string"),
        (["a"], "string"),
        ([[1, 2]], "string"),
    ],
)
def test_the_column_type_of_values(values: list[Any], kind: str) -> None:
    assert kind_of(values) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**31, "int"), (True, "long"), (1, "boolean"), (0.5, "long"), (2**63, "long"), (2**53 + 1, "double"),
        ("1", "long"), ("2026-13-01", "date"), ("2026-11-21T10:00:00", "timestamptz"), ("x", "decimal(3, 1)"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_its_column_type_is_an_error(value: Any, kind: str) -> None:
    with pytest.raises(DoesNotFitError):
        fitted(value, kind)


def test_dates_and_times_are_parsed() -> None:
    assert fitted("2026-11-21T10:00:00+02:00", "timestamptz") == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert fitted("2026-11-21", "date") == date(2026, 11, 21)


def test_leaves_are_unknown_fields_with_a_value() -> None:
    payload = {"id": 1, "new": None, "score": {"strain": 3, "a": {"b": 1}, "list": [{"x": 1}]}}
    known = frozenset({("id",), ("score", "strain")})
    assert dict(leaves(payload, known)) == {("score", "a", "b"): 1, ("score", "list"): [{"x": 1}]}


@pytest.mark.parametrize(
    ("path", "name"),
    [(["score", "New"], "score_new"), (["a b"], None), (["1st"], None), (["ü"], None), (["x" * 64], None)],
)
def test_column_names_of_unknown_fields(path: list[str], name: str | None) -> None:
    assert column_name(path) == name


def row(payload: Any) -> dict[str, Any]:
    table = TABLES["profile"]
    return dict.fromkeys(column.name for column in table.columns) | {"payload": json.dumps(payload)}


objects = st.dictionaries(st.text(st.sampled_from("ab_1 É"), min_size=1, max_size=4), json_values, max_size=5)


@given(st.lists(objects, max_size=4), st.lists(objects, max_size=4))
def test_any_two_batches_have_a_layout_without_changed_column_types(
    first: list[Any], second: list[Any]
) -> None:
    existing: dict[str, str] = {}
    for batch in (first, second):
        rows = [row(payload) for payload in batch]
        layout = lay_out(TABLES["profile"], existing, rows)
        assert layout.widened == []
        assert not {column.name for column in layout.added} & existing.keys()
        existing |= {column.name: column.kind for column in layout.added}
        assert layout.columns.keys() <= existing.keys()
        for name, values in layout.columns.items():
            pa.array(values, type=arrow_type(existing[name]))
            assert len(values) == len(rows)


def test_fields_without_a_column_stay_in_the_payload_and_are_reported() -> None:
    existing = {column.name: column.kind for column in TABLES["profile"].columns}
    layout = lay_out(
        TABLES["profile"], existing, [row({"day": 3, "a": {"b_c": 1}, "a_b": {"c": 2}, "né": 1})]
    )
    assert [column.name for column in layout.added] == ["a_b_c"]
    assert len(layout.notes) == 3
    many = lay_out(
        TABLES["profile"], existing, [row({"by_day": {f"d{n}": n for n in range(MAX_ADDED_COLUMNS + 5)}})]
    )
    assert len(many.added) == MAX_ADDED_COLUMNS
    assert len(many.notes) == 5
