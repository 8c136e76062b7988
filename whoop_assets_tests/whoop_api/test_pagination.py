"""Reading pages: parameters, cursors, repeated cursors, and typed iterators."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from whoop_assets.whoop_api.client import MAX_IDLE_PAGES
from whoop_assets.whoop_api.errors import CursorRepeated, UnreadableResponse
from whoop_assets.whoop_api.http.transport import MAX_RETRY_SECONDS
from whoop_assets.whoop_api.models import Cycle
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, STREAMS, Stream
from whoop_assets_tests.whoop_api.doubles import Bench, ok, page_of
from whoop_assets_tests.whoop_api.records import Record, sample

START = datetime(2026, 10, 1, tzinfo=UTC)


def cycle(number: int) -> Record:
    return sample("cycles", id=number)


def queries(bench: Bench) -> list[dict[str, str]]:
    return [dict(request.url.params) for request in bench.server.requests]


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_page_requests_25_records_of_the_span_in_utc_milliseconds(stream: Stream) -> None:
    bench = Bench(page_of(sample(stream.name)))
    end = datetime(2026, 11, 20, 3, 4, 5, 678_001, tzinfo=timezone(timedelta(hours=-5)))
    page = bench.client.page(stream, start=START, end=end)
    assert page.records == [sample(stream.name)]
    assert page.next_token is None
    assert page.endpoint == stream.path
    assert bench.server.requests[0].url.path == "/developer" + stream.path
    # The end is exclusive, so it is rounded up; otherwise records of the last millisecond would be missing.
    assert queries(bench) == [
        {"limit": "25", "start": "2026-10-01T00:00:00.000Z", "end": "2026-11-20T08:04:05.679Z"}
    ]


def test_a_page_without_a_span_has_no_bounds_in_its_query() -> None:
    bench = Bench(page_of())
    bench.client.page(SLEEPS, limit=1)
    assert queries(bench) == [{"limit": "1"}]


@pytest.mark.parametrize("limit", [0, 26, -1])
def test_a_limit_that_whoop_rejects_is_an_error_before_the_request(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        Bench(page_of()).client.page(SLEEPS, limit=limit)


def test_a_time_without_a_time_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="aware"):
        Bench(page_of()).client.page(SLEEPS, start=datetime(2026, 10, 1))


def test_all_pages_are_requested_with_the_same_span() -> None:
    bench = Bench(
        page_of(cycle(9), next_token="offset:1"), page_of(cycle(8), next_token="offset:2"), page_of(cycle(7))
    )
    pages = list(bench.client.pages(CYCLES, start=START, end=START + timedelta(days=30)))
    assert [page.records[0]["id"] for page in pages] == [9, 8, 7]
    span = {"limit": "25", "start": "2026-10-01T00:00:00.000Z", "end": "2026-10-31T00:00:00.000Z"}
    assert queries(bench) == [span, {**span, "nextToken": "offset:1"}, {**span, "nextToken": "offset:2"}]


def test_an_open_end_is_fixed_at_the_first_page() -> None:
    bench = Bench(page_of(cycle(9), next_token="offset:1"), page_of(cycle(8)), budget_wait=60)
    list(bench.client.pages(CYCLES, start=START))
    assert {query["end"] for query in queries(bench)} == {"2026-11-20T12:00:00.000Z"}


@pytest.mark.parametrize(
    "last_page", [{"records": []}, {"records": [], "next_token": None}, {"records": [], "next_token": ""}]
)
def test_a_missing_empty_or_null_cursor_ends_the_read(last_page: Record) -> None:
    assert [page.next_token for page in Bench(ok(last_page)).client.pages(CYCLES)] == [None]


def test_each_page_is_requested_when_it_is_used() -> None:
    bench = Bench(page_of(cycle(9), next_token="offset:1"), page_of(cycle(8)))
    pages = bench.client.pages(CYCLES)
    next(pages)
    assert len(bench.server.requests) == 1


def test_a_page_with_a_repeated_cursor_is_requested_again() -> None:
    bench = Bench(
        page_of(cycle(9), next_token="offset:1"),
        page_of(cycle(8), next_token="offset:1"),
        page_of(cycle(8), next_token="offset:2"),
        page_of(cycle(7)),
    )
    assert [page.records[0]["id"] for page in bench.client.pages(CYCLES)] == [9, 8, 7]
    assert [query.get("nextToken") for query in queries(bench)] == [None, "offset:1", "offset:1", "offset:2"]
    assert bench.budget.lanes == ["backfill"] * 4


def test_a_cursor_that_is_repeated_for_the_whole_retry_time_is_an_error() -> None:
    bench = Bench(
        page_of(cycle(9), next_token="offset:1"),
        page_of(cycle(8), next_token="offset:2"),
        page_of(cycle(9), next_token="offset:1"),
    )
    read: list[int] = []
    with pytest.raises(CursorRepeated) as caught:
        read.extend(page.records[0]["id"] for page in bench.client.pages(CYCLES))
    assert read == [9, 8]
    assert bench.slept == pytest.approx(MAX_RETRY_SECONDS)
    assert caught.value.path == CYCLES.path
    assert caught.value.transient


@pytest.mark.parametrize("records", [[], [cycle(9)]], ids=["empty", "repeated"])
def test_a_limited_number_of_pages_without_a_new_record_is_an_error(records: list[Record]) -> None:
    # Each page has another cursor, and no page has a new record.
    numbers = itertools.count()
    bench = Bench(lambda _: page_of(*records, next_token=f"offset:{next(numbers)}"))
    with pytest.raises(CursorRepeated, match="none brought anything new") as caught:
        list(bench.client.pages(CYCLES))
    assert len(bench.server.requests) <= MAX_IDLE_PAGES + 2
    assert caught.value.transient


def test_an_empty_page_with_a_cursor_does_not_end_the_read() -> None:
    bench = Bench(page_of(cycle(9), next_token="offset:1"), page_of(next_token="offset:2"), page_of(cycle(7)))
    assert [len(page.records) for page in bench.client.pages(CYCLES)] == [1, 0, 1]


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"data": []},
        {"records": None},
        {"records": {}},
        {"records": "all"},
        {"records": [None]},
        {"records": [["jo@example.org"]]},
        {"records": [], "next_token": 5},
        {"records": [], "next_token": {"o": 10}},
    ],
)
def test_a_response_that_is_not_a_page_is_an_error(payload: object) -> None:
    with pytest.raises(UnreadableResponse) as caught:
        list(Bench(ok(payload)).client.pages(SLEEPS))
    assert not caught.value.transient
    assert "jo@" not in str(caught.value)


def test_a_fault_between_pages_loses_no_page() -> None:
    bench = Bench(page_of(cycle(9), next_token="offset:1"), httpx.Response(500), page_of(cycle(8)))
    assert [page.records[0]["id"] for page in bench.client.pages(CYCLES)] == [9, 8]
    assert bench.client.retries == 1


def test_typed_iterators_return_a_record_of_two_pages_once() -> None:
    bench = Bench(page_of(cycle(9), cycle(8), next_token="offset:2"), page_of(cycle(8), cycle(7)))
    cycles = list(bench.client.cycles(START))
    assert [cycle.id for cycle in cycles] == [9, 8, 7]
    assert all(isinstance(cycle, Cycle) for cycle in cycles)


def test_recoveries_of_a_night_and_a_nap_in_one_cycle_are_two_records() -> None:
    nap = sample("recoveries", sleep_id="aaaaaaaa-4661-442f-a9a4-f160dd7afae8")
    bench = Bench(page_of(sample("recoveries"), nap))
    assert len({recovery.sleep_id for recovery in bench.client.recoveries()}) == 2
    assert RECOVERIES.key == "sleep_id"


def test_a_typed_iterator_names_the_broken_rule_without_the_value() -> None:
    bench = Bench(page_of(sample("workouts", timezone_offset="secret")))
    with pytest.raises(UnreadableResponse, match="timezone_offset must be") as caught:
        list(bench.client.workouts())
    assert "secret" not in str(caught.value)


def test_sleeps_have_typed_nested_scores() -> None:
    sleep = next(Bench(page_of(sample("sleeps"))).client.sleeps())
    assert sleep.scored is not None and sleep.scored.stage_summary is not None
    assert sleep.scored.stage_summary.total_rem_sleep_time_milli == 5879573
