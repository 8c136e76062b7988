"""Models of WHOOP's records: accepted and rejected fields."""

import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from whoop_assets.whoop_api.fields import validation_reason
from whoop_assets.whoop_api.models import BodyMeasurement, Cycle, Sleep, UserProfile, Workout
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.whoop_api.records import BODY, PROFILE, Record, sample

STREAM_NAMES = sorted(STREAMS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def round_trip(stream: str, raw: Record) -> Any:
    return STREAMS[stream].model.model_validate(raw).model_dump(mode="json", exclude_unset=True)


def reason(stream: str, raw: object) -> str:
    with pytest.raises(ValidationError) as caught:
        STREAMS[stream].model.model_validate(raw)
    return validation_reason(caught.value)


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_a_dumped_record_equals_the_received_one(stream: str) -> None:
    assert round_trip(stream, sample(stream)) == sample(stream)


@given(
    stream=st.sampled_from(STREAM_NAMES),
    extra=st.dictionaries(st.from_regex(r"new_[a-z]{1,6}", fullmatch=True), JSON),
)
def test_unknown_fields_are_kept_at_every_level(stream: str, extra: dict[str, Any]) -> None:
    raw = {**sample(stream), **extra}
    raw["score"].update(extra)
    for nested in ("stage_summary", "sleep_needed", "zone_durations"):
        if nested in raw["score"]:
            raw["score"][nested].update(extra)
    assert round_trip(stream, raw) == raw


@given(
    stream=st.sampled_from(STREAM_NAMES),
    state=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=32),
)
def test_a_record_with_an_unknown_score_state_has_no_score(stream: str, state: str) -> None:
    record = STREAMS[stream].model.model_validate(sample(stream, score_state=state))
    assert record.score_state == state
    assert (record.scored is not None) == (state == "SCORED")


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE"])
@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_an_unscored_record_may_lack_the_score(stream: str, state: str) -> None:
    record = sample(stream, score_state=state)
    del record["score"]
    assert STREAMS[stream].model.model_validate(record).scored is None
    assert STREAMS[stream].model.model_validate({**record, "score": None}).scored is None


def test_a_scored_workout_may_have_a_null_score() -> None:
    assert Workout.model_validate(sample("workouts", sport_name="sauna", score=None)).scored is None


@given(
    moment=st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_times_are_converted_to_utc(moment: datetime, minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    cycle = Cycle.model_validate(sample("cycles", start=local.isoformat()))
    assert cycle.start == local
    assert cycle.start.tzinfo is UTC


@pytest.mark.parametrize("offset", ["Z", "+00:00", "-00:00", "+05:30", "-14:00", "+14:00", "+13:59"])
def test_an_offset_within_fourteen_hours_is_accepted(offset: str) -> None:
    assert Cycle.model_validate(sample("cycles", timezone_offset=offset)).timezone_offset == offset


@pytest.mark.parametrize(
    "offset",
    ["+14:01", "-15:00", "+5:30", "05:30", "+05:60", "+0530", "UTCZ", "", "z", "Z\n", "+0\u0665:30", None, 5],
)
def test_any_other_offset_is_an_error(offset: object) -> None:
    assert reason("cycles", sample("cycles", timezone_offset=offset)).startswith(
        "Cycle: timezone_offset must be"
    )


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("start", "2026-11-19T22:58:01.000", "must be a time with an offset or Z"),
        ("start", "2026-11-19", "must be a time such as"),
        ("start", "1763593081", "must be a time such as"),
        ("start", 1763593081, "must be a time such as"),
        ("start", "2026-13-19T22:58:01.000Z", "must be a time such as"),
        ("start", "0001-01-01T00:00:00+14:00", "must be within the years"),
        ("start", None, "must be a time such as"),
        ("end", None, "must be a time such as"),
        ("end", "2026-11-19T22:58:00.999Z", "end must not be before start"),
        ("id", "not-a-uuid", "must be a UUID"),
        ("id", 5, "must be a UUID"),
        ("cycle_id", "1740000001", "must be a whole number"),
        ("cycle_id", True, "must be a whole number"),
        ("cycle_id", 1740000001.0, "must be a whole number"),
        ("cycle_id", 2**63, "is above its range"),
        ("cycle_id", -1, "is below its range"),
        ("cycle_id", 10**400, "is above its range"),
        ("nap", 1, "must be true or false"),
        ("nap", "false", "must be true or false"),
        ("score_state", None, "must be text without NUL"),
        ("score_state", "SCO\0RED", "must be text without NUL"),
        ("score_state", "SCO\ud800RED", "must be text without NUL"),
        ("score", [], "must be an object"),
    ],
)
def test_an_invalid_field_is_reported_with_its_rule(field: str, value: object, rule: str) -> None:
    error = reason("sleeps", sample("sleeps", **{field: value}))
    assert error.startswith("Sleep: ")
    assert field in error
    assert rule in error


@pytest.mark.parametrize("value", ["98", True, float("nan"), float("inf"), 10**400, [98], {}, None])
def test_an_unreadable_measurement_becomes_none_and_the_others_are_kept(value: object) -> None:
    raw = sample("sleeps")
    raw["score"]["respiratory_rate"] = value
    raw["score"]["stage_summary"]["disturbance_count"] = value
    score = Sleep.model_validate(raw).scored
    assert score is not None and score.stage_summary is not None
    assert (score.respiratory_rate, score.stage_summary.disturbance_count) == (None, None)
    unchanged = sample("sleeps")["score"]
    assert score.sleep_efficiency_percentage == unchanged["sleep_efficiency_percentage"]
    assert (
        score.stage_summary.total_in_bed_time_milli == unchanged["stage_summary"]["total_in_bed_time_milli"]
    )


@pytest.mark.parametrize("stream", STREAM_NAMES)
def test_a_score_may_lack_any_part(stream: str) -> None:
    raw = sample(stream, score={})
    score = STREAMS[stream].model.model_validate(raw).scored
    assert score is not None
    assert set(score.model_dump().values()) == {None}


@pytest.mark.parametrize(("value", "stored"), [(101.5, 101.5), (-3, -3.0)])
def test_a_value_out_of_range_is_kept(value: float, stored: float) -> None:
    raw = sample("sleeps")
    raw["score"]["sleep_efficiency_percentage"] = value
    assert Sleep.model_validate(raw).score.sleep_efficiency_percentage == stored  # type: ignore[union-attr]


def test_an_integral_float_is_accepted_for_an_integer_measurement() -> None:
    raw = sample("cycles")
    raw["score"]["average_heart_rate"] = 70.0
    assert Cycle.model_validate(raw).score.average_heart_rate == 70  # type: ignore[union-attr]


def test_an_integer_is_accepted_for_a_float_measurement() -> None:
    raw = sample("cycles")
    raw["score"]["strain"] = 5
    assert Cycle.model_validate(raw).score.strain == 5.0  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", STREAM_NAMES)
@pytest.mark.parametrize("raw", [None, [], "text", 5])
def test_a_value_that_is_not_an_object_is_an_error(stream: str, raw: object) -> None:
    assert reason(stream, raw).endswith(": must be an object.")


def test_the_error_counts_all_missing_fields() -> None:
    raw = sample("sleeps")
    for field in ("nap", "end", "id", "user_id"):
        del raw[field]
    error = reason("sleeps", raw)
    assert error.endswith(" (and 1 more).")
    assert error.count("is missing") == 3


@given(
    st.sampled_from(["email", "first_name", "last_name"]),
    st.text(min_size=6).map(lambda text: ["secret" + text]),
)
def test_the_error_does_not_quote_names_or_addresses(field: str, value: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        UserProfile.model_validate({**PROFILE, field: value, "user_id": "jo@example.org"})
    error = validation_reason(caught.value)
    assert field in error
    assert "secret" not in error
    assert "jo@example.org" not in error


def test_the_repr_of_a_profile_has_no_name() -> None:
    profile = UserProfile.model_validate({**PROFILE, "nickname": "Joey"})
    assert repr(profile) == "UserProfile(user_id=10129)"
    assert "Jo" not in str(profile)
    assert profile.model_dump() == {**PROFILE, "nickname": "Joey"}


def test_missing_body_measurements_are_none() -> None:
    assert BodyMeasurement.model_validate(BODY).height_meter == 1.8288
    assert BodyMeasurement.model_validate({}).weight_kilogram is None


def test_records_are_immutable() -> None:
    sleep = Sleep.model_validate(sample("sleeps"))
    with pytest.raises(ValidationError):
        sleep.nap = True  # type: ignore[misc]


def test_validation_does_not_change_the_raw_record() -> None:
    raw = sample("workouts")
    before = copy.deepcopy(raw)
    Workout.model_validate(raw)
    assert raw == before
