"""A process that is killed between Notion's answer and its own entry of the page: no second page comes of it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from whoop_assets.clock import ManualClock
from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion import pages
from whoop_assets.sinks.notion.sync import SETTLED_AFTER, sync
from whoop_assets_tests.sinks.conftest import DAY, DEFAULTS, MEMBER, days, keep, summary
from whoop_assets_tests.sinks.notion_stand_in import TOKEN, NotionStandIn, serving
from whoop_assets_tests.support.fixed_time import NOW

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
    with serving(NotionStandIn()) as served:
        yield served


@pytest.mark.parametrize("moment", ["before the page is made", "after the page is made"])
def test_a_process_killed_at_a_page_leaves_no_second_one(database_url, notion, moment):
    clock = ManualClock(NOW)
    database = Database(database_url, clock)
    keep(database, *(summary(MEMBER, day) for day in days(COUNT)))
    source = notion.make_source(**DEFAULTS)
    writers = []
    at_the_page = threading.Event()

    def kill(asked):
        if asked.method == "POST" and asked.path == "/v1/pages":
            os.kill(writers[0].pid, signal.SIGKILL)
            writers[0].wait()
            at_the_page.set()
            if moment.startswith("before"):
                raise ConnectionAbortedError

    setattr(notion, "on_request" if moment.startswith("before") else "on_done", kill)
    arguments = [notion.url, TOKEN, source, database.engine.url.render_as_string(hide_password=False)]
    writers.append(subprocess.Popen([sys.executable, "-c", WRITER, *arguments]))
    assert writers[0].wait() == -signal.SIGKILL
    assert at_the_page.wait(60)
    notion.on_request = notion.on_done = None
    made = moment.startswith("after")
    with database.read() as connection:
        assert pages.counts(connection, source) == {pages.CREATING: 1}
    assert len(notion.pages) == made

    settings = Settings(notion_token=TOKEN, notion_data_source=source, notion_url=notion.url)
    notion.per_second = None  # the clock of this process is moved by hand
    clock.advance(1)
    _, done = sync(settings, database, [MEMBER], days(COUNT)[-1], DAY)
    assert (done.created, done.adopted, done.held) == ((COUNT - 1, 1, 0) if made else (COUNT - 1, 0, 1))
    clock.advance(SETTLED_AFTER)
    sync(settings, database, [MEMBER], days(COUNT)[-1], DAY)
    assert len(notion.pages) == len(notion.by_day(source)) == COUNT
    with database.read() as connection:
        assert pages.counts(connection, source) == {pages.WRITTEN: COUNT}
    database.close()
