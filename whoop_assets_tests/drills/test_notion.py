"""180 days of one member in Notion: written twice, three corrected at WHOOP, one in the bin, with and without faults."""

import random
from datetime import timedelta

import pytest

from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.sync import SETTLED_AFTER, sync
from whoop_assets_tests.ingest.home import TODAY, at_home, frozen_world
from whoop_assets_tests.sinks.conftest import DEFAULTS
from whoop_assets_tests.sinks.notion_stand_in import TOKEN, NotionStandIn, serving

pytestmark = pytest.mark.drill

DAYS, EDITS = 180, 3
FIRST = TODAY - timedelta(days=DAYS - 1)
FAULTS = [("500", False), ("502", True), ("503", False), ("429:3", False), ("silence", False), ("silence", True),
          ("garbage", True)]  # fmt: skip


@pytest.mark.parametrize("weather", ["calm", "foul"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_180_days_are_180_pages_whatever_happens(new_database_url, kind, weather):
    dice = random.Random(7)
    with (
        at_home(new_database_url(kind), frozen_world(days=DAYS + 10)) as home,
        serving(NotionStandIn(home.clock)) as notion,
    ):
        source = notion.make_source(**DEFAULTS)
        settings = Settings(notion_token=TOKEN, notion_data_source=source, notion_url=notion.url)

        def something_fails(asked):
            if dice.random() < 0.1:
                fault, after = dice.choice(FAULTS)
                notion.fault(fault, f"^{asked.method} {asked.path}$", after=after)

        def written():
            """Runs as the sensor asks for them, until nothing is left; requests, and what became of the days."""
            before, began, runs = len(notion.asked), home.clock.now(), []
            while not runs or runs[-1].obstacle or runs[-1].lost or runs[-1].held:
                if runs:
                    home.clock.advance(SETTLED_AFTER)
                runs.append(sync(settings, home.database, home.members, FIRST, TODAY)[1])
            total = {
                name: sum(getattr(run, name) for run in runs)
                for name in ("created", "adopted", "updated", "in_bin")
            }
            seconds = (home.clock.now() - began).total_seconds() - (
                len(runs) - 1
            ) * SETTLED_AFTER.total_seconds()
            return total | {
                "requests": len(notion.asked) - before,
                "runs": len(runs),
                "seconds": round(seconds),
            }

        notion.on_request = something_fails if weather == "foul" else None
        home.load_and_summarise(FIRST, TODAY)
        summaries = home.rows("daily_summary")
        summarised = len(summaries)
        first, second = written(), written()
        assert len(notion.pages) == len(notion.by_day(source)) == summarised
        assert second["requests"] == 0

        sleeps = [one for one in home.truth()["sleeps"] if not one["nap"] and "score" in one][
            20 : 20 + EDITS * 30 : 30
        ]
        for number, one in enumerate(sleeps):
            home.world.edit(
                home.member, "sleeps", one["id"], {"score": {"sleep_efficiency_percentage": 50.0 + number}}
            )
        (binned,) = notion.by_day(source)[home.member, (TODAY - timedelta(days=100)).isoformat()]
        notion.bin(binned)
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(FIRST, TODAY)
        third, fourth = written(), written()
        assert third["updated"] == EDITS
        assert fourth["requests"] == 0
        assert len(notion.pages) == summarised
        assert notion.pages[binned]["in_trash"]
        assert [one.status for one in notion.asked if one.status == 429 and weather == "calm"] == []

        rows = home.rows("daily_summary")
        for (user_id, day), pages in notion.by_day(source).items():
            (page,) = pages
            row = next(row for key, row in rows.items() if (key[0], key[1].isoformat()) == (user_id, day))
            minutes = row["sleep_duration_minutes"]
            assert notion.shown(page) == {
                "Day": day,
                "Date": day,
                "Member": user_id,
                "Recovery (%)": row["recovery_score"],
                "Sleep time (ms)": None if minutes is None else round(minutes * 60_000),
                "Sleep efficiency (%)": row["sleep_efficiency_percentage"],
            }
        day = next(iter(rows))
        before = len(notion.asked)
        sync(settings, home.database, home.members, day[1], day[1])
        unchanged = len(notion.asked) - before
        assert unchanged == 0
        print(
            f"\n{kind}, {weather}: {summarised} days, {len(notion.pages)} pages, none twice; first {first}; again {second};"
            f" {EDITS} edits and 1 in the bin {third}; again {fourth}; an unchanged day {unchanged} requests"
        )
