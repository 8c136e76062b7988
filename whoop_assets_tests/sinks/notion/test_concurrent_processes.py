"""Two processes write to one data source."""

from dataclasses import replace
from datetime import timedelta

from whoop_assets.db.database import Database
from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    MEMBER,
    last_days,
    store_summaries,
    summary_row,
)


def test_all_processes_share_one_rate_limit(sink, new_database_url):
    store_summaries(sink.database, *(summary_row(MEMBER, day) for day in last_days(12)))
    other = Database(str(sink.database.url), sink.database.clock)
    sink.notion.fault("503", "POST /v1/pages", times=1)
    sink.sync()
    sink.database = other
    sink.sync()
    other.close()
    times = sorted(request.at for request in sink.notion.requests)
    assert all(
        after - before >= timedelta(seconds=1) for before, after in zip(times, times[3:], strict=False)
    )


def test_older_content_that_was_written_last_is_replaced_by_the_next_run(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    sink.sync()
    store_summaries(sink.database, summary_row(MEMBER, DAY, recovery_score=12.0))
    other = Database(str(sink.database.url), sink.database.clock)

    def change_and_write_in_other_process(request):
        """Runs after the first process read the summary and before its request is processed."""
        if request.method == "PATCH":
            sink.notion.on_request = None
            store_summaries(other, summary_row(MEMBER, DAY, recovery_score=13.0))
            replace(sink, database=other).sync()

    sink.notion.on_request = change_and_write_in_other_process
    sink.sync()
    assert sink.notion.page_values(sink.page())["Recovery (%)"] == 12
    sink.sync()
    assert sink.notion.page_values(sink.page())["Recovery (%)"] == 13
    assert sink.requests_of_next_run() == 0
    other.close()


def test_two_processes_create_one_page_for_the_same_day(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY), summary_row(MEMBER, DAY - timedelta(days=1)))
    other = Database(str(sink.database.url), sink.database.clock)

    def write_in_other_process(request):
        if request.method == "POST" and request.path == "/v1/pages":
            sink.notion.on_request = None
            replace(sink, database=other).sync()

    sink.notion.on_request = write_in_other_process
    sink.sync()
    assert len(sink.notion.pages) == 2
    assert sink.states() == {"written": 2}
    other.close()
