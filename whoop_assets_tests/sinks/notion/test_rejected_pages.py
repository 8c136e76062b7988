"""Pages that Notion rejects. The ledger keeps the error until the page is written."""

from dataclasses import replace

import pytest

from whoop_assets.db.database import Database
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    MEMBER,
    OTHER,
    delete_summary,
    last_days,
    store_summaries,
    summary_row,
)


def test_a_rejected_page_does_not_affect_other_pages(new_sink, sqlite_database):
    mapping = "properties: {Sports: {column: sports, type: rich_text}}"
    sink = new_sink(sqlite_database, mapping, Date="date", Member="number", Sports="rich_text")
    store_summaries(sqlite_database, *(summary_row(MEMBER, day, sports="running") for day in last_days(4)))
    sink.sync()
    sink.notion.fault("400", sink.page(), times=1)
    store_summaries(sqlite_database, *(summary_row(MEMBER, day, sports="rowing") for day in last_days(4)))
    result = sink.sync()
    assert result.updated == 3
    assert list(result.refused) == [(MEMBER, DAY)]
    assert sink.sync().updated == 1


@pytest.mark.parametrize("in_trash", [False, True])
def test_a_rejected_new_page_is_reported_and_stays_the_same_stale_day(sink, in_trash):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    if in_trash:  # a person deleted the page, and the operator requested another one
        sink.sync()
        sink.notion.move_to_trash(sink.page())
        store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=12.0))
        sink.sync()
        with sink.database.write() as connection:
            notion_pages.want(connection, sink.source, sink.database.now(connection))
    sink.notion.fault("400", "POST /v1/pages", times=3)
    stale_days = []
    for _ in range(3):
        assert list(sink.sync().refused) == [(MEMBER, DAY)]
        with sink.database.read() as connection:
            (refusal,) = notion_pages.refusals(connection, sink.source)
            stale_days.append(
                notion_pages.days_behind(
                    connection, sink.source, "another", settled=sink.database.now(connection)
                )
            )
        assert refusal[:2] == (MEMBER, DAY)
    assert stale_days[1] == stale_days[2]
    assert sink.sync().created == 1
    assert len(sink.pages) == 1
    with sink.database.read() as connection:
        assert notion_pages.refusals(connection, sink.source) == []


def test_an_existing_page_that_notion_rejects_is_adopted_by_a_later_run(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    page = sink.create_page_by_hand()
    sink.notion.fault("400", page, times=1)
    assert list(sink.sync().refused) == [(MEMBER, DAY)]
    with sink.database.read() as connection:
        assert [refusal[:2] for refusal in notion_pages.refusals(connection, sink.source)] == [(MEMBER, DAY)]
        now = sink.database.now(connection)
        (stale_day,) = notion_pages.days_behind(connection, sink.source, "another", settled=now)
        assert (stale_day.members, stale_day.refused) == (1, 1)
    assert sink.sync().adopted == 1
    assert sink.page() == page
    assert sink.requests_of_next_run() == 0


def test_a_rejection_of_a_deleted_summary_is_not_counted_for_its_day(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.notion.fault("400", "POST /v1/pages", times=1)
    assert list(sink.sync().refused) == [(MEMBER, DAY)]
    delete_summary(sink.database, MEMBER, DAY)
    store_summaries(sink.database, summary_row(OTHER, DAY))
    with sink.database.read() as connection:
        now = sink.database.now(connection)
        (stale_day,) = notion_pages.days_behind(connection, sink.source, "another", settled=now)
        assert notion_pages.refusals(connection, sink.source) == []
    assert (stale_day.members, stale_day.refused) == (1, 0)


@pytest.mark.parametrize("in_ledger", [False, True])
def test_a_rejection_is_dropped_if_another_process_wrote_the_page_meanwhile(sink, in_ledger):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    if in_ledger:
        sink.sync()
    else:
        sink.create_page_by_hand()
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=12.0))
    sink.notion.fault("400", sink.page(), times=1)
    other = Database(str(sink.database.url), sink.database.clock)

    def write_in_other_process(request):
        if request.method == "PATCH":
            sink.notion.on_request = None
            faults, sink.notion.faults = sink.notion.faults, []
            replace(sink, database=other).sync()
            sink.notion.faults = faults

    sink.notion.on_request = write_in_other_process
    assert list(sink.sync().refused) == [(MEMBER, DAY)]
    with sink.database.read() as connection:
        assert notion_pages.refusals(connection, sink.source) == []
    assert sink.notion.page_values(sink.page())["Recovery (%)"] == 12
    assert sink.requests_of_next_run() == 0
    other.close()
