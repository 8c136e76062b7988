"""Failed, lost and limited requests to Notion."""

import random
from datetime import timedelta

import pytest

from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion import sources
from whoop_assets.sinks.notion.sync import SETTLED_AFTER
from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    MEMBER,
    last_days,
    store_summaries,
    summary_row,
)


@pytest.mark.slow
def test_runs_under_random_faults_write_every_page_once(sink):
    store_summaries(sink.database, *(summary_row(MEMBER, day) for day in last_days(30)))
    dice = random.Random(5)
    kinds = [("500", False), ("502", True), ("503", False), ("429:2", False), ("529:3", False),
             ("silence", False), ("silence", True), ("garbage", True), ("504", True)]  # fmt: skip

    def inject_random_fault(request):
        if dice.random() < 0.2:
            kind, after = dice.choice(kinds)
            sink.notion.fault(kind, f"^{request.method} {request.path}$", after=after)

    sink.notion.on_request = inject_random_fault
    for _ in range(40):
        result = sink.sync()
        sink.database.clock.advance(SETTLED_AFTER)
        store_summaries(
            sink.database,
            summary_row(MEMBER, dice.choice(last_days(30)), recovery_score=float(dice.randint(1, 99))),
        )
        if result.obstacle is None and not result.lost and dice.random() < 0.2:
            break
    sink.notion.on_request, sink.notion.faults = None, []
    sink.database.clock.advance(SETTLED_AFTER)
    result = sink.sync()
    assert result.obstacle is None
    assert len(sink.notion.pages) == len(sink.pages) == 30
    with sink.database.read() as connection:
        summaries = {day: notion_pages.summary(connection, MEMBER, day) for day in last_days(30)}
    assert {
        day: sink.notion.page_values(sink.page(MEMBER, day))["Recovery (%)"] for day in last_days(30)
    } == {day: row["recovery_score"] for day, row in summaries.items()}


@pytest.mark.parametrize("kind", ["502", "silence", "garbage"])
def test_a_page_whose_create_response_was_lost_is_adopted(sink, kind):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.notion.fault(kind, "POST /v1/pages", after=True)
    assert sink.sync().adopted == 1
    assert len(sink.notion.pages) == 1
    assert sink.requests_of_next_run() == 0


def test_no_second_page_is_requested_while_a_lost_request_may_still_arrive(sink):
    sink.notion.query_delay_seconds = SETTLED_AFTER.total_seconds() / 2
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.notion.fault("silence", "POST /v1/pages", after=True)
    assert sink.sync().lost == 1
    assert sink.sync().held == 1
    assert len(sink.notion.pages) == 1
    sink.database.clock.advance(SETTLED_AFTER)
    assert sink.sync().adopted == 1
    assert len(sink.notion.pages) == 1


def test_a_request_that_never_arrived_is_repeated_after_the_settling_time(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.notion.fault("silence", "POST /v1/pages")
    assert sink.sync().lost == 1
    assert sink.pages == {}
    sink.database.clock.advance(SETTLED_AFTER)
    assert sink.sync().created == 1


def test_an_outage_ends_the_run_early_and_the_next_run_writes_all_pages(sink):
    store_summaries(sink.database, *(summary_row(MEMBER, day) for day in last_days(20)))
    sink.notion.fault("503", "POST /v1/pages", times=1000)
    result = sink.sync()
    assert result.obstacle is not None
    assert result.requests < 15
    with sink.database.read() as connection:
        obstacle = sources.obstacle(connection, sink.source)
    assert obstacle.failures == 1
    assert obstacle.try_after is not None
    sink.notion.faults.clear()
    sink.database.clock.advance(SETTLED_AFTER)
    assert sink.sync().created == 20
    with sink.database.read() as connection:
        assert sources.obstacle(connection, sink.source).failures == 0


def test_a_long_retry_after_ends_the_run_with_the_time_to_retry(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.notion.fault("429:900", "data_sources")
    before = sink.database.clock.now()
    result = sink.sync()
    assert result.requests == 1
    assert "UTC" in str(result.obstacle)
    with sink.database.read() as connection:
        obstacle = sources.obstacle(connection, sink.source)
    assert obstacle.try_after - before >= timedelta(seconds=900)
    assert sink.requests_of_next_run() == 0  # another process waits too


def test_a_rate_limited_request_waits_for_retry_after(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.notion.fault("429:7", "POST /v1/pages")
    assert sink.sync().created == 1
    first, second = (request for request in sink.notion.requests if request.path == "/v1/pages")
    assert (second.at - first.at).total_seconds() >= 7


def test_an_invalid_token_is_reported_without_its_value(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.settings = sink.settings.replace(notion_token="ntn_wrong_token")
    error = str(sink.sync().obstacle)
    assert "NOTION_TOKEN" in error
    assert "wrong_token" not in error
