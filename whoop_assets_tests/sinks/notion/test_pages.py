"""One page per member and day: created, updated, and unchanged otherwise."""

from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    MEMBER,
    OTHER,
    delete_summary,
    last_days,
    store_summaries,
    summary_row,
)


def test_each_member_day_has_one_page_with_the_values_of_its_summary(new_sink, database):
    sink = new_sink(database)
    store_summaries(
        database, *(summary_row(user_id, day) for user_id in (MEMBER, OTHER) for day in last_days(3))
    )
    result = sink.sync()
    assert result.created == 6
    assert {key: len(pages) for key, pages in sink.pages.items()} == {
        (user_id, day.isoformat()): 1 for user_id in (MEMBER, OTHER) for day in last_days(3)
    }
    assert sink.notion.page_values(sink.page()) == {
        "Day": "2026-11-20",
        "Date": "2026-11-20",
        "Member": MEMBER,
        "Recovery (%)": 66,
        "Sleep time (ms)": 431.5 * 60_000,
        "Sleep efficiency (%)": 91.25,
    }
    assert sink.kept_rate_limit()


def test_unchanged_pages_need_no_request(new_sink, database):
    sink = new_sink(database)
    store_summaries(database, *(summary_row(MEMBER, day) for day in last_days(5)))
    sink.sync()
    assert sink.requests_of_next_run() == 0
    # The mapping does not show strain, so this change leaves the page as it is.
    store_summaries(database, summary_row(MEMBER, DAY, strain=14.2))
    assert sink.requests_of_next_run() == 0


def test_a_changed_day_updates_its_page_with_two_requests(new_sink, database):
    sink = new_sink(database)
    store_summaries(database, *(summary_row(MEMBER, day) for day in last_days(5)))
    sink.sync()
    page = sink.page()
    store_summaries(database, summary_row(MEMBER, DAY, recovery_score=12.0))
    assert sink.requests_of_next_run() == 2  # one for the schema, one for the page
    assert sink.page() == page
    assert sink.notion.page_values(page)["Recovery (%)"] == 12


def test_unscored_values_are_empty_and_not_zero(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=None, sleep_duration_minutes=None))
    sink.sync()
    values = sink.notion.page_values(sink.page())
    assert values["Recovery (%)"] is None
    assert values["Sleep time (ms)"] is None


def test_the_sink_keeps_the_title_and_other_properties_that_a_person_edited(new_sink, sqlite_database):
    sink = new_sink(
        sqlite_database, **{"Date": "date", "Member": "number", "Recovery (%)": "number", "Note": "rich_text"}
        | {"Sleep time (ms)": "number", "Sleep efficiency (%)": "number"},
    )  # fmt: skip
    store_summaries(sqlite_database, summary_row(MEMBER, DAY))
    sink.sync()
    note = {"Note": {"rich_text": [{"text": {"content": "slept badly"}}]}}
    sink.notion.edit_page(sink.page(), **note, Day={"title": [{"text": {"content": "a long day"}}]})
    store_summaries(sqlite_database, summary_row(MEMBER, DAY, recovery_score=12.0))
    sink.sync()
    values = sink.notion.page_values(sink.page())
    assert (values["Note"], values["Day"], values["Recovery (%)"]) == ("slept badly", "a long day", 12)


def test_deleting_a_summary_empties_its_page(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    delete_summary(sink.database, MEMBER, DAY)
    assert sink.sync().emptied == 1
    assert sink.notion.page_values(sink.page())["Recovery (%)"] is None
    assert sink.requests_of_next_run() == 0
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    assert sink.sync().updated == 1
    assert sink.notion.page_values(sink.page())["Recovery (%)"] == 66


def test_each_data_source_has_its_own_pages_and_ledger_entries(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    first, settings = sink.source, sink.settings
    sink.source = sink.notion.create_data_source(
        **{"Date": "date", "Member": "number", "Recovery (%)": "number"},
        **{"Sleep time (ms)": "number", "Sleep efficiency (%)": "number"},
    )
    sink.settings = settings.replace(notion_data_source=sink.source)
    assert sink.sync().created == 1
    sink.source, sink.settings = first, settings
    assert sink.requests_of_next_run() == 0
