"""The daily summary compared with an independent implementation, on generated records.

Few ids, days and lengths, so that ties, strangers and shared ids are the rule and not the exception.
"""

import math
from datetime import timedelta

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from whoop_assets_tests.summaries.daily import records as make
from whoop_assets_tests.summaries.daily.naive_daily import naive_daily_rows

STATES = st.sampled_from(["SCORED", "SCORED", "SCORED", "PENDING_SCORE", "UNSCORABLE"])
OFFSETS = st.sampled_from(["Z", "+00:00", "-05:00", "+05:30", "+14:00", "-12:00"])
STARTS = st.sampled_from([0.0, 10.0, 23.5, 36.0])
LENGTHS = st.sampled_from([0.25, 3.0, 8.0, 8.0001])
CYCLE_IDS = st.sampled_from([100, 101, 102])
SLEEP_IDS = st.sampled_from(["a", "b", "c", "d"])
MEMBER_AND_DAY = st.tuples(st.sampled_from([1, 2]), st.sampled_from([make.DAY, make.DAY + timedelta(days=1)]))
MILLI = st.integers(0, 40_000_000)
FLOATS = st.floats(0, 10_000, allow_nan=False)


@st.composite
def _one(draw, /, build, *, closed=True, **changes):
    """Generate a record with one of a few keys; `changes` are strategies."""
    user_id, day = draw(MEMBER_AND_DAY)
    start = draw(STARTS)
    end = draw(LENGTHS if closed else st.none() | LENGTHS)
    span = {"start_time": make.hour(start), "end_time": None if end is None else make.hour(start + end)}
    score_state = draw(STATES)
    values = {name: draw(strategy) for name, strategy in changes.items()}
    return build(
        user_id=user_id, day=day, score_state=score_state, timezone_offset=draw(OFFSETS), **span, **values
    )


def _listed(strategy, *key):
    """Generate records with distinct keys within a member's day."""
    return st.lists(
        strategy,
        max_size=7,
        unique_by=lambda record: tuple(record[name] for name in ("user_id", "day", *key)),
    )


ZERO_OR = st.sampled_from([0, 0, 60])
CYCLES = _listed(
    _one(
        make.cycle,
        closed=False,
        id=CYCLE_IDS,
        strain=ZERO_OR.map(float),
        kilojoule=ZERO_OR.map(float),
        average_heart_rate=ZERO_OR,
        max_heart_rate=ZERO_OR,
        step_count=st.none() | st.integers(0, 30_000),
    ),
    "id",
)
SLEEPS = _listed(
    _one(
        make.sleep,
        id=SLEEP_IDS,
        cycle_id=CYCLE_IDS,
        nap=st.booleans(),
        total_light_sleep_time_milli=MILLI,
        total_rem_sleep_time_milli=st.none() | MILLI,
        sleep_performance_percentage=st.none() | FLOATS,
    ),
    "id",
)
RECOVERIES = _listed(
    _one(
        make.recovery,
        sleep_id=SLEEP_IDS,
        cycle_id=CYCLE_IDS,
        recovery_score=st.sampled_from([0.0, 33.0, 33.5, 34.0, 66.5, 67.0, 99.0]),
        user_calibrating=st.booleans(),
    ),
    "sleep_id",
)
WORKOUTS = _listed(
    _one(
        make.workout,
        id=SLEEP_IDS,
        sport_name=st.sampled_from(["running", "yoga", "sauna", "box-fitness"]),
        strain=st.none() | FLOATS,
        kilojoule=FLOATS,
        distance_meter=st.none() | FLOATS,
        zone_two_milli=MILLI,
    ),
    "id",
)
LATEST = st.dictionaries(st.sampled_from([1, 2, 3]), CYCLE_IDS)
STREAMS = st.tuples(CYCLES, SLEEPS, RECOVERIES, WORKOUTS)


def _alike(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-12)
    return type(left) is type(right) and left == right


@given(STREAMS, LATEST)
# Not shrunk, because that takes minutes, and the differing columns are named anyway.
@settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_daily_rows_equal_those_of_the_independent_implementation(streams, latest):
    rows = make.summarised(*streams, latest=latest)
    expected = naive_daily_rows(*streams, latest)
    assert [(row["user_id"], row["day"]) for row in rows] == [
        (row["user_id"], row["day"]) for row in expected
    ]
    for row, twin in zip(rows, expected, strict=True):
        assert row.keys() == twin.keys()
        different = {name: (row[name], twin[name]) for name in row if not _alike(row[name], twin[name])}
        assert different == {}


@given(
    STREAMS.flatmap(
        lambda streams: st.tuples(
            st.just(streams), st.tuples(*(st.permutations(records) for records in streams))
        )
    ),
    LATEST,
)
@settings(max_examples=8, deadline=None)
def test_the_order_of_records_does_not_matter(given_and_shuffled, latest):
    given_order, shuffled = given_and_shuffled
    assert make.summarised(*given_order, latest=latest) == make.summarised(*shuffled, latest=latest)


@given(STREAMS, LATEST, st.sets(MEMBER_AND_DAY))
@settings(max_examples=8, deadline=None)
def test_a_subset_of_days_gives_the_same_rows(streams, latest, asked):
    some = [
        [record for record in records if (record["user_id"], record["day"]) in asked] for records in streams
    ]
    whole = make.summarised(*streams, latest=latest)
    assert make.summarised(*some, latest=latest) == [
        row for row in whole if (row["user_id"], row["day"]) in asked
    ]
