"""The short way takes what is plain, and nothing that the model would not take with the same values."""

import math
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from whoop_assets.whoop_api.short_way import ShortWay
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.whoop_api.records import sample

STREAM_NAMES = sorted(STREAMS)
SHORT_WAYS = {name: ShortWay(stream.model) for name, stream in STREAMS.items()}

# What might stand in place of anything: near misses above all.
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**400,
    0.0, -0.0, 1.0, 1.5, 1e308, math.inf, -math.inf, math.nan,
    "2026-11-20T06:41:12.530Z", "2026-11-20 06:41:12.530Z", "2026-11-20t06:41:12.530z", "2026-11-20T06:41:12Z",
    "2026-11-20T06:41:12.1234567Z", "2026-11-20T06:41:12.530+05:30", "2026-11-20T06:41:12.530", "2026-11-20T06:41:60.000Z",
    "2026-02-30T06:41:12.530Z", "1969-12-31T23:59:59.999Z", "2101-01-01T00:00:00.000Z", "2026-11-20T24:00:00.000Z",
    "20261120T064112.530Z", "2026-W47-5T06:41:12Z", "2026-11-20", "0", "1763620872", "", "Z", "+05:30", "-00:00", "+14:00",
    "+14:30", "+5:30", "05:30", "+0530", "SCORED", "scored", "UNSCORABLE", "LATER", "x" * 33, "running", "x" * 129, "a\0b",
    "\ud800", "ecfc6a15-4661-442f-a9a4-f160dd7afae8", "ECFC6A15-4661-442F-A9A4-F160DD7AFAE8",
    "ecfc6a154661442fa9a4f160dd7afae8", "{ecfc6a15-4661-442f-a9a4-f160dd7afae8}", "ecfc6a15-4661-442f-a9a4-f160dd7afae8\n",
    "12", "1.5", "true", "null", [], [1], {}, {"a": 1},
]  # fmt: skip
MISSING = object()


def places(raw: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The ways to all fields of a record, those of its parts too."""
    found = []
    for name, value in raw.items():
        found.append((*above, name))
        if isinstance(value, dict):
            found += places(value, (*above, name))
    return found


PLACES = {name: places(sample(name)) for name in STREAM_NAMES}


def bend(raw: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    """Put the value in that place of the record, or take out what is there, if an earlier one has left the place."""
    inside: Any = raw
    for step in place[:-1]:
        inside = inside.get(step) if isinstance(inside, dict) else None
    if isinstance(inside, dict):
        if value is MISSING:
            inside.pop(place[-1], None)
        else:
            inside[place[-1]] = value


def same(ours: Any, models: Any) -> None:
    """Raise unless the structure says what the model says, field by field."""
    for name, field in type(models).model_fields.items():
        mine, its = getattr(ours, name), getattr(models, name)
        if isinstance(its, BaseModel):
            same(mine, its)
        elif field.annotation is float and its == 0:
            assert (mine, math.copysign(1, mine)) == (its, math.copysign(1, its))
        else:
            assert str(mine) == str(its), name


def taken_as_by_the_model(stream: str, raw: dict[str, Any]) -> bool:
    """Whether the short way takes the record; raises when the model does not, or has other values."""
    record = SHORT_WAYS[stream].read(raw)
    if record is None:
        return False
    model = STREAMS[stream].model.model_validate(raw)
    same(record, model)
    assert (record.scored is None) == (model.scored is None)
    return True


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_what_is_odd_in_one_place_is_taken_as_the_model_takes_it_or_not_at_all(stream: str) -> None:
    taken = 0
    for place in PLACES[stream]:
        for value in (MISSING, *ODD):
            raw = sample(stream)
            bend(raw, place, value)
            taken += taken_as_by_the_model(stream, raw)
    assert taken > 50  # or this shows nothing


@given(stream=st.sampled_from(STREAM_NAMES), data=st.data())
def test_what_is_odd_in_several_places_is_taken_as_the_model_takes_it_or_not_at_all(
    stream: str, data: st.DataObject
) -> None:
    raw = sample(stream)
    values = st.sampled_from([MISSING, *ODD]) | st.integers() | st.floats() | st.text(max_size=6)
    for place in data.draw(st.lists(st.sampled_from(PLACES[stream]), max_size=4)):
        bend(raw, place, data.draw(values))
    taken_as_by_the_model(stream, raw)


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_a_record_as_whoop_sends_it_goes_the_short_way(stream: str) -> None:
    for raw in (
        sample(stream),
        sample(stream, score_state="PENDING_SCORE", score=None),
        {**sample(stream), "new": 1},
    ):
        assert SHORT_WAYS[stream].read(raw) is not None


@pytest.mark.parametrize("stream", STREAM_NAMES)
@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": "10129"},
        {"updated_at": "2026-11-20 06:41"},
        {"score_state": "LATER"},
        {"score": []},
        {"created_at": None},
    ],
    ids=str,
)
def test_what_is_not_plain_is_left_to_the_model(stream: str, changes: dict[str, Any]) -> None:
    assert SHORT_WAYS[stream].read(sample(stream, **changes)) is None


@pytest.mark.parametrize("stream", ["cycles", "sleeps", "workouts"])
def test_a_record_that_ends_before_it_starts_is_left_to_the_model(stream: str) -> None:
    raw = sample(stream, end="2026-11-01T00:00:00.000Z")
    assert SHORT_WAYS[stream].read(raw) is None
    with pytest.raises(ValidationError):
        STREAMS[stream].model.model_validate(raw)


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_what_was_read_is_not_changed(stream: str) -> None:
    raw = sample(stream)
    SHORT_WAYS[stream].read(raw)
    assert raw == sample(stream)


def test_times_are_in_utc() -> None:
    record = SHORT_WAYS["cycles"].read(sample("cycles", start="2026-11-19T23:58:01.000+01:00"))
    assert record is not None
    assert attrgetter("start.hour", "start.utcoffset")(record)[0] == 22
