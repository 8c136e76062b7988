"""A process that is killed before its ledger entry causes no second page."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion import pages
from whoop_assets.sinks.notion.sync import SETTLED_AFTER, sync
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    DEFAULT_PROPERTIES,
    MEMBER,
    last_days,
    store_summaries,
    summary_row,
)
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.manual_clock import ManualClock

pytestmark = pytest.mark.slow

COUNT = 4
WRITER = """
import sys
from datetime import date
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.sync import sync
from whoop_assets.db.database import Database

url, token, source, database_url = sys.argv[1:]
settings = Settings(notion_token=token, notion_data_source=source, notion_url=url)
sync(settings, Database(database_url), [10129], date(2020, 1, 1), date(2027, 1, 1))
"""


@pytest.fixture
def notion():
    with serve_notion(FakeNotion()) as served:
        yield served


@pytest.mark.parametrize("moment", ["before Notion creates the page", "after Notion creates the page"])
def test_a_process_killed_during_a_create_request_causes_no_second_page(database_url, notion, moment):
    clock = ManualClock(NOW)
    database = Database(database_url, clock)
    store_summaries(database, *(summary_row(MEMBER, day) for day in last_days(COUNT)))
    source = notion.create_data_source(**DEFAULT_PROPERTIES)
    writers = []
    killed = threading.Event()

    def kill(request):
        if request.method == "POST" and request.path == "/v1/pages":
            os.kill(writers[0].pid, signal.SIGKILL)
            writers[0].wait()
            killed.set()
            if moment.startswith("before"):
                raise ConnectionAbortedError

    setattr(notion, "on_request" if moment.startswith("before") else "on_response", kill)
    arguments = [notion.url, TOKEN, source, database.engine.url.render_as_string(hide_password=False)]
    writers.append(subprocess.Popen([sys.executable, "-c", WRITER, *arguments]))
    assert writers[0].wait() == -signal.SIGKILL
    assert killed.wait(60)
    notion.on_request = notion.on_response = None
    created = moment.startswith("after")
    with database.read() as connection:
        assert pages.counts(connection, source) == {pages.CREATING: 1}
    assert len(notion.pages) == created

    settings = Settings(notion_token=TOKEN, notion_data_source=source, notion_url=notion.url)
    notion.per_second = None  # this process has a manual clock
    clock.advance(1)
    _, result = sync(settings, database, [MEMBER], last_days(COUNT)[-1], DAY)
    assert (result.created, result.adopted, result.held) == (
        (COUNT - 1, 1, 0) if created else (COUNT - 1, 0, 1)
    )
    clock.advance(SETTLED_AFTER)
    sync(settings, database, [MEMBER], last_days(COUNT)[-1], DAY)
    assert len(notion.pages) == len(notion.pages_by_day(source)) == COUNT
    with database.read() as connection:
        assert pages.counts(connection, source) == {pages.WRITTEN: COUNT}
    database.close()
