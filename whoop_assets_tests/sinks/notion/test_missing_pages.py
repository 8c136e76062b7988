"""Pages in the trash, deleted or moved pages, and existing pages that the ledger does not know."""

from datetime import timedelta

import pytest

from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    MEMBER,
    OTHER,
    last_days,
    store_summaries,
    summary_row,
)


def test_a_page_in_the_trash_is_not_restored_and_not_replaced(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    page = sink.page()
    sink.notion.move_to_trash(page)
    assert sink.requests_of_next_run() == 0
    for score in (12.0, 13.0):
        store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=score))
        assert sink.sync().in_bin == 1
        assert sink.requests_of_next_run() == 0
    assert sink.pages == {}
    assert len(sink.notion.pages) == 1
    assert sink.notion.page_values(page)["Recovery (%)"] == 66


@pytest.mark.parametrize("state", ["in the trash", "not shared"])
def test_a_missing_data_source_does_not_mark_its_pages_as_gone(sink, state):
    store_summaries(sink.database, *(summary_row(MEMBER, day) for day in last_days(3)))
    sink.sync()
    source = sink.notion.sources[sink.source]
    store_summaries(sink.database, *(summary_row(MEMBER, day, recovery_score=12.0) for day in last_days(3)))
    if state == "in the trash":
        source["in_trash"] = True
    else:
        del sink.notion.sources[sink.source]
    result = sink.sync()
    assert (result.gone, result.updated) == (0, 0)
    assert "data source" in str(result.obstacle)
    source["in_trash"] = False
    sink.notion.sources[sink.source] = source
    assert sink.sync().updated == 3


def test_a_page_restored_by_a_person_is_updated_again(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    page = sink.page()
    sink.notion.move_to_trash(page)
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=12.0))
    sink.sync()
    sink.notion.restore(page)
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=13.0))
    sink.sync()
    assert sink.notion.page_values(page)["Recovery (%)"] == 13


@pytest.mark.parametrize("action", ["move_to_trash", "delete_permanently"])
def test_a_lost_page_is_replaced_only_on_request(sink, action):
    store_summaries(sink.database, summary_row(MEMBER, DAY), summary_row(MEMBER, DAY - timedelta(days=1)))
    sink.sync()
    page = sink.page()
    getattr(sink.notion, action)(page)
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=12.0))
    sink.sync()
    assert len(sink.pages) == 1
    with sink.database.write() as connection:
        now = sink.database.now(connection)
        assert notion_pages.want(connection, sink.source, now) == [(MEMBER, DAY)]
    assert sink.sync().created == 1
    assert sink.page() != page
    assert sink.notion.page_values(sink.page())["Recovery (%)"] == 12
    assert sink.requests_of_next_run() == 0


def test_a_page_moved_to_another_data_source_is_not_changed(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    page, elsewhere = sink.page(), sink.notion.create_data_source(Text="rich_text")
    sink.notion.pages[page]["parent"]["data_source_id"] = elsewhere
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=12.0))
    assert sink.sync().gone == 1
    assert sink.pages == {}
    assert sink.requests_of_next_run() == 0


def delete_ledger(sink):
    """Delete the ledger, as after a restore of an old database backup."""
    with sink.database.write() as connection:
        connection.exec_driver_sql("delete from notion_pages")


@pytest.mark.slow
def test_pages_without_ledger_entries_are_found_by_date_and_member(new_sink, database):
    sink = new_sink(database)
    store_summaries(
        database, *(summary_row(user_id, day) for user_id in (MEMBER, OTHER) for day in last_days(55))
    )
    sink.sync()
    before = sink.pages
    delete_ledger(sink)
    store_summaries(database, summary_row(MEMBER, DAY, recovery_score=12.0))
    result = sink.sync()
    assert (result.created, result.adopted) == (0, 110)
    assert sink.pages == before
    assert sink.notion.page_values(sink.page())["Recovery (%)"] == 12


def test_a_page_that_a_person_created_for_the_day_is_adopted(sink):
    page = sink.create_page_by_hand()
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    assert sink.sync().adopted == 1
    assert sink.page() == page


def test_a_page_in_the_trash_is_not_replaced_after_the_ledger_was_lost(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    sink.notion.move_to_trash(sink.page())
    delete_ledger(sink)
    assert sink.sync().in_bin == 1
    assert sink.pages == {}


def test_of_two_pages_for_a_day_the_oldest_is_used_and_the_day_is_reported(sink):
    for _ in range(2):
        sink.create_page_by_hand()
    oldest = next(iter(sink.notion.pages))
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    result = sink.sync()
    assert result.twice == [(MEMBER, DAY)]
    assert sink.notion.page_values(oldest)["Recovery (%)"] == 66
