"""180 days of one member in Notion, with and without faults: repeated syncs, corrections, a trashed page."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.sync import SETTLED_AFTER, sync
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import DEFAULT_PROPERTIES
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

pytestmark = pytest.mark.slow

DAYS, EDITS = 180, 3
LOADED = DAYS + 20
"""Some days have no record and therefore no summary."""

# Faults, and whether Notion processes the request before it fails.
FAULTS = [("500", False), ("502", True), ("503", False), ("429:3", False), ("529:2", False),
          ("silence", False), ("silence", True), ("garbage", True)]  # fmt: skip
COUNTED = ("created", "adopted", "updated", "in_bin")


@pytest.mark.parametrize("with_faults", [False, True])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_180_days_become_180_pages_despite_faults(new_database_url, kind, with_faults):
    rng, injected = random.Random(7), Counter()
    with (
        at_home(new_database_url(kind), frozen_world(days=LOADED + 10)) as home,
        serve_notion(FakeNotion(home.clock)) as notion,
    ):
        source = notion.create_data_source(**DEFAULT_PROPERTIES)
        settings = Settings(notion_token=TOKEN, notion_data_source=source, notion_url=notion.url)
        odds = 0.1

        def inject_fault(request):
            if rng.random() < odds:
                fault, after = FAULTS[injected.total() % len(FAULTS)]
                injected[f"{fault} {'after' if after else 'before'}"] += 1
                notion.fault(fault, f"^{request.method} {request.path}$", after=after)

        def sync_all():
            """Syncs until no page is stale, as the sensor's runs do; returns counts."""
            before, began, runs = len(notion.requests), home.clock.now(), []
            while not runs or runs[-1].obstacle or runs[-1].lost or runs[-1].held:
                if runs:
                    home.clock.advance(SETTLED_AFTER)
                runs.append(sync(settings, home.database, home.members, first, TODAY)[1])
            pauses = (len(runs) - 1) * SETTLED_AFTER.total_seconds()
            return {name: sum(getattr(run, name) for run in runs) for name in COUNTED} | {
                "requests": len(notion.requests) - before,
                "runs": len(runs),
                "seconds": round((home.clock.now() - began).total_seconds() - pauses),
            }

        notion.on_request = inject_fault if with_faults else None
        home.load_and_summarise(TODAY - timedelta(days=LOADED), TODAY)
        summarised = sorted((key[1] for key in home.rows("daily_summary")), reverse=True)[:DAYS]
        first = summarised[-1]
        first_sync, second_sync = sync_all(), sync_all()
        assert len(notion.pages) == len(notion.pages_by_day(source)) == len(summarised) == DAYS
        assert first_sync["created"] + first_sync["adopted"] == DAYS
        assert second_sync["requests"] == 0

        # WHOOP corrects three nights, and the page of a fourth is in the trash.
        sleeps = [row for row in home.rows("sleeps").values() if not row["nap"]]
        nights = {row["day"]: row["id"] for row in sleeps if row["score_state"] == "SCORED"}
        edited = [day for day in summarised[20:] if day in nights][: (EDITS + 1) * 30 : 30]
        trashed_day = edited.pop()
        for number, day in enumerate([*edited, trashed_day]):
            score = {"sleep_efficiency_percentage": 50.0 + number}
            home.world.edit(home.member, "sleeps", nights[day], {"score": score})
        (trashed_page,) = notion.pages_by_day(source)[home.member, trashed_day.isoformat()]
        notion.move_to_trash(trashed_page)
        before = dict(notion.page_values(trashed_page))
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(first, TODAY)
        odds = 0.6
        third_sync, fourth_sync = sync_all(), sync_all()
        assert (third_sync["updated"], third_sync["in_bin"]) == (EDITS, 1)
        assert fourth_sync["requests"] == 0
        assert len(notion.pages) == DAYS
        assert notion.pages[trashed_page]["in_trash"]
        assert notion.page_values(trashed_page) == before
        limited = sum(request.status == 429 for request in notion.requests)
        assert limited == injected["429:3 before"]  # Only injected faults returned 429.

        rows = home.rows("daily_summary")
        pages = notion.pages_by_day(source)
        assert len(pages) == DAYS - 1
        for (user_id, day), (page,) in pages.items():
            row = next(row for key, row in rows.items() if (key[0], key[1].isoformat()) == (user_id, day))
            minutes = row["sleep_duration_minutes"]
            assert notion.page_values(page) == {
                "Day": day,
                "Date": day,
                "Member": user_id,
                "Recovery (%)": row["recovery_score"],
                "Sleep time (ms)": None if minutes is None else round(minutes * 60_000),
                "Sleep efficiency (%)": row["sleep_efficiency_percentage"],
            }
        if with_faults:
            assert injected.keys() == {f"{fault} {'after' if after else 'before'}" for fault, after in FAULTS}
            assert first_sync["adopted"]

        requests_before = len(notion.requests)
        sync(settings, home.database, home.members, TODAY - timedelta(days=50), TODAY - timedelta(days=50))
        unchanged = len(notion.requests) - requests_before
        assert unchanged == 0
        duplicates = len(notion.pages) - DAYS
        print(
            f"\n{kind}: {DAYS} days, {len(notion.pages)} pages, {duplicates} twice; faults {dict(injected)};"
            f"\n  first {first_sync};\n  second {second_sync};"
            f"\n  {EDITS} edits and 1 trashed page {third_sync};\n  again {fourth_sync};"
            f"\n  an unchanged day {unchanged} requests"
        )
