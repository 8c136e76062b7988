"""Fixtures: a fake Notion, and the sink that writes daily summaries to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion.sync import Done, sync
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import DAY, DEFAULT_PROPERTIES, MEMBER, OTHER
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion
from whoop_assets_tests.support.manual_clock import ManualClock


@dataclass
class NotionSink:
    """A configured Notion sink and the fake Notion that it writes to."""

    notion: FakeNotion
    database: Database
    settings: Settings
    source: str
    members: list[int] = field(default_factory=lambda: [MEMBER, OTHER])

    def sync(self, first: date = date(2020, 1, 1), last: date = date(2027, 1, 1)) -> Done:
        _, result = sync(self.settings, self.database, self.members, first, last)
        return result

    def requests_of_next_run(self) -> int:
        """Run the sink; return its number of requests."""
        before = len(self.notion.requests)
        self.sync()
        return len(self.notion.requests) - before

    @property
    def pages(self) -> dict[tuple[Any, str], list[str]]:
        return self.notion.pages_by_day(self.source)

    def page(self, user_id: int = MEMBER, day: date = DAY) -> str:
        (page,) = self.pages[user_id, day.isoformat()]
        return page

    def create_page_by_hand(self, day: date = DAY) -> str:
        """Create a page for the member's day as a person does; return its id."""
        return self.notion.create_page(
            self.source, Date={"date": {"start": day.isoformat()}}, Member={"number": MEMBER}
        )

    def states(self) -> dict[str, int]:
        with self.database.read() as connection:
            return notion_pages.counts(connection, self.source)

    def kept_rate_limit(self) -> bool:
        return all(request.status != 429 for request in self.notion.requests)


@pytest.fixture
def notion(clock: ManualClock) -> Iterator[FakeNotion]:
    """A fake Notion with the clock of `database`."""
    with serve_notion(FakeNotion(clock)) as served:
        yield served


@pytest.fixture
def new_sink(notion: FakeNotion, tmp_path: Path) -> Callable[..., NotionSink]:
    """Create sinks: `new_sink(database, mapping="", **properties)`, with properties of the data source."""

    def make(database: Database, mapping: str = "", **properties: str) -> NotionSink:
        source = notion.create_data_source(**(properties or DEFAULT_PROPERTIES))
        path = tmp_path / "notion.yaml"
        path.write_text(mapping)
        settings = Settings(
            notion_token=TOKEN,
            notion_data_source=source,
            notion_mapping=str(path) if mapping else "",
            notion_url=notion.url,
        )
        return NotionSink(notion, database, settings, source)

    return make


@pytest.fixture
def sink(new_sink: Callable[..., NotionSink], sqlite_database: Database) -> NotionSink:
    """A sink with the default mapping, on SQLite."""
    return new_sink(sqlite_database)
