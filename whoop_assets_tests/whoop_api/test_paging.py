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
def test_a_page_asks_for_25_records_of_the_span_in_utc_milliseconds(stream: Stream) -> None:
    bench = Bench(page_of(sample(stream.name)))
    end = datetime(2026, 11, 20, 3, 4, 5, 678_001, tzinfo=timezone(timedelta(hours=-5)))
    page = bench.client.page(stream, start=START, end=end)
    assert page.records == [sample(stream.name)]
    assert page.next_token is None
    assert page.endpoint == stream.path
    assert bench.server.requests[0].url.path == "/developer" + stream.path
    # The end is exclusive: rounded down, it would leave out what happened in its last millisecond.
    assert queries(bench) == [
        {"limit": "25", "start": "2026-10-01T00:00:00.000Z", "end": "2026-11-20T08:04:05.679Z"}
    ]


def test_a_page_of_everything_names_no_bounds() -> None:
    bench = Bench(page_of())
    bench.client.page(SLEEPS, limit=1)
    assert queries(bench) == [{"limit": "1"}]


@pytest.mark.parametrize("limit", [0, 26, -1])
def test_a_page_never_asks_for_what_whoop_refuses(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        Bench(page_of()).client.page(SLEEPS, limit=limit)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Bench(page_of()).client.page(SLEEPS, start=datetime(2026, 10, 1))


def test_the_cursor_is_followed_with_the_same_span_until_it_ends() -> None:
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
    "last", [{"records": []}, {"records": [], "next_token": None}, {"records": [], "next_token": ""}]
)
def test_no_token_an_empty_one_and_null_all_mean_the_end(last: Record) -> None:
    assert [page.next_token for page in Bench(ok(last)).client.pages(CYCLES)] == [None]


def test_pages_are_read_one_by_one_as_they_are_used() -> None:
    bench = Bench(page_of(cycle(9), next_token="offset:1"), page_of(cycle(8)))
    pages = bench.client.pages(CYCLES)
    next(pages)
    assert len(bench.server.requests) == 1


def test_a_cursor_that_comes_back_is_asked_for_again() -> None:
    bench = Bench(
        page_of(cycle(9), next_token="offset:1"),
        page_of(cycle(8), next_token="offset:1"),
        page_of(cycle(8), next_token="offset:2"),
        page_of(cycle(7)),
    )
    assert [page.records[0]["id"] for page in bench.client.pages(CYCLES)] == [9, 8, 7]
    assert [query.get("nextToken") for query in queries(bench)] == [None, "offset:1", "offset:1", "offset:2"]
    assert bench.budget.lanes == ["backfill"] * 4


def test_a_cursor_that_keeps_coming_back_ends_the_read_with_an_error() -> None:
    bench = Bench(
        page_of(cycle(9), next_token="offset:1"),
        page_of(cycle(8), next_token="offset:2"),
        page_of(cycle(9), next_token="offset:1"),
    )
    seen: list[int] = []
    with pytest.raises(CursorRepeated) as caught:
        seen.extend(page.records[0]["id"] for page in bench.client.pages(CYCLES))
    assert seen == [9, 8]
    assert bench.slept == pytest.approx(MAX_RETRY_SECONDS)
    assert caught.value.path == CYCLES.path
    assert caught.value.transient


@pytest.mark.parametrize("records", [[], [cycle(9)]], ids=["empty", "the same"])
def test_cursors_that_lead_nowhere_are_not_followed_for_ever(records: list[Record]) -> None:
    """Each page names another next one, and none brings anything new."""
    numbers = itertools.count()
    bench = Bench(lambda _: page_of(*records, next_token=f"offset:{next(numbers)}"))
    with pytest.raises(CursorRepeated, match="none brought anything new") as caught:
        list(bench.client.pages(CYCLES))
    assert len(bench.server.requests) <= MAX_IDLE_PAGES + 2
    assert caught.value.transient


def test_an_empty_page_in_the_middle_is_not_the_end() -> None:
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
def test_what_is_no_page_of_records_is_never_taken_for_an_empty_one(payload: object) -> None:
    with pytest.raises(UnreadableResponse) as caught:
        list(Bench(ok(payload)).client.pages(SLEEPS))
    assert not caught.value.transient
    assert "jo@" not in str(caught.value)


def test_a_fault_between_pages_loses_no_page() -> None:
    bench = Bench(page_of(cycle(9), next_token="offset:1"), httpx.Response(500), page_of(cycle(8)))
    assert [page.records[0]["id"] for page in bench.client.pages(CYCLES)] == [9, 8]
    assert bench.client.retries == 1


def test_the_typed_iterators_give_a_record_seen_on_two_pages_once() -> None:
    bench = Bench(page_of(cycle(9), cycle(8), next_token="offset:2"), page_of(cycle(8), cycle(7)))
    cycles = list(bench.client.cycles(START))
    assert [found.id for found in cycles] == [9, 8, 7]
    assert all(isinstance(found, Cycle) for found in cycles)


def test_the_recoveries_of_a_night_and_of_its_nap_are_two() -> None:
    nap = sample("recoveries", sleep_id="aaaaaaaa-4661-442f-a9a4-f160dd7afae8")
    bench = Bench(page_of(sample("recoveries"), nap))
    assert len({found.sleep_id for found in bench.client.recoveries()}) == 2
    assert RECOVERIES.key == "sleep_id"


def test_a_typed_iterator_says_which_rule_a_record_breaks_and_shows_no_value() -> None:
    bench = Bench(page_of(sample("workouts", timezone_offset="secret")))
    with pytest.raises(UnreadableResponse, match="timezone_offset must be") as caught:
        list(bench.client.workouts())
    assert "secret" not in str(caught.value)


def test_sleeps_are_typed_too() -> None:
    sleep = next(Bench(page_of(sample("sleeps"))).client.sleeps())
    assert sleep.scored is not None and sleep.scored.stage_summary is not None
    assert sleep.scored.stage_summary.total_rem_sleep_time_milli == 5879573
