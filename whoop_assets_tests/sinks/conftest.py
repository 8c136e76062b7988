"""A Notion that answers, a warehouse with daily summaries, and the sink between them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from whoop_assets.clock import ManualClock
from whoop_assets.db.database import Database
from whoop_assets.members import store as members
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion.sync import Done, sync
from whoop_assets.summaries import DAILY_COLUMNS, daily_store
from whoop_assets_tests.sinks.delivery import delivering
from whoop_assets_tests.sinks.notion_stand_in import TOKEN, NotionStandIn, serving

__all__ = ["delivering"]

MEMBER, OTHER = 10129, 20222
DAY = date(2026, 11, 20)
DEFAULTS = {
    "Date": "date",
    "Member": "number",
    "Recovery (%)": "number",
    "Sleep time (ms)": "number",
    "Sleep efficiency (%)": "number",
}


def summary(user_id: int, day: date, **values: Any) -> dict[str, Any]:
    """A daily row."""
    row = dict.fromkeys(DAILY_COLUMNS) | {"is_partial": False, "cycle_count": 1, "source": "api"}
    scores = {
        "recovery_score": 66.0,
        "sleep_duration_minutes": 431.5,
        "sleep_efficiency_percentage": 91.25,
    }
    return row | scores | {"user_id": user_id, "day": day} | values


def keep(database: Database, *rows: dict[str, Any]) -> None:
    """Make these the summaries of their days, as a rebuild does; the clock moves, as it does there.

    Who is new is entered.
    """
    database.clock.sleep(0.001)
    for row in rows:
        with database.write([row["user_id"]]) as connection:
            at = database.now(connection)
            if not members.exists(connection, row["user_id"]):
                members.connect(connection, row["user_id"], [], {}, at)
            daily_store.replace(connection, [row["user_id"]], row["day"], row["day"], [row], at)


def drop(database: Database, user_id: int, day: date) -> None:
    """Take the day's summary away, as a rebuild does when its records are gone."""
    database.clock.sleep(0.001)
    with database.write([user_id]) as connection:
        daily_store.replace(connection, [user_id], day, day, [], database.now(connection))


@dataclass
class Sink:
    """The sink as it is configured, and the Notion that it writes to."""

    notion: NotionStandIn
    database: Database
    settings: Settings
    source: str
    members: list[int] = field(default_factory=lambda: [MEMBER, OTHER])

    def sync(self, first: date = date(2020, 1, 1), last: date = date(2027, 1, 1)) -> Done:
        _, done = sync(self.settings, self.database, self.members, first, last)
        return done

    def cost(self) -> int:
        """Requests of one more run."""
        before = len(self.notion.asked)
        self.sync()
        return len(self.notion.asked) - before

    @property
    def pages(self) -> dict[tuple[Any, str], list[str]]:
        return self.notion.by_day(self.source)

    def page(self, user_id: int = MEMBER, day: date = DAY) -> str:
        (page,) = self.pages[user_id, day.isoformat()]
        return page

    def states(self) -> dict[str, int]:
        with self.database.read() as connection:
            return notion_pages.counts(connection, self.source)

    def no_limit_was_broken(self) -> bool:
        return all(one.status != 429 for one in self.notion.asked)


@pytest.fixture
def notion(clock: ManualClock) -> Iterator[NotionStandIn]:
    """A Notion on the clock of `database`."""
    with serving(NotionStandIn(clock)) as served:
        yield served


@pytest.fixture
def new_sink(notion: NotionStandIn, tmp_path: Path) -> Callable[..., Sink]:
    """`new_sink(database, mapping="", **properties)`: the data source has these properties."""

    def make(database: Database, mapping: str = "", **properties: str) -> Sink:
        source = notion.make_source(**(properties or DEFAULTS))
        path = tmp_path / "notion.yaml"
        path.write_text(mapping)
        settings = Settings(
            notion_token=TOKEN,
            notion_data_source=source,
            notion_mapping=str(path) if mapping else "",
            notion_url=notion.url,
        )
        return Sink(notion, database, settings, source)

    return make


@pytest.fixture
def sink(new_sink: Callable[..., Sink], sqlite_database: Database) -> Sink:
    """The default mapping, on SQLite."""
    return new_sink(sqlite_database)


def days(count: int, last: date = DAY) -> list[date]:
    return [last - timedelta(days=back) for back in range(count)]
