"""Pages in Notion: one per member and day, made when missing, written when the day changes, never twice."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from whoop_assets.db.database import Database
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion import sources, tables
from whoop_assets.sinks.notion.sync import SETTLED_AFTER
from whoop_assets.sync.members import membership
from whoop_assets_tests.sinks.conftest import DAY, MEMBER, OTHER, days, drop, keep, summary


def test_each_day_of_each_member_gets_one_page_that_says_what_the_summary_says(new_sink, database):
    sink = new_sink(database)
    keep(database, *(summary(user_id, day) for user_id in (MEMBER, OTHER) for day in days(3)))
    done = sink.sync()
    assert done.created == 6
    assert {key: len(pages) for key, pages in sink.pages.items()} == {
        (user_id, day.isoformat()): 1 for user_id in (MEMBER, OTHER) for day in days(3)
    }
    assert sink.notion.shown(sink.page()) == {
        "Day": "2026-11-20",
        "Date": "2026-11-20",
        "Member": MEMBER,
        "Recovery (%)": 66,
        "Sleep time (ms)": 431.5 * 60_000,
        "Sleep efficiency (%)": 91.25,
    }
    assert sink.no_limit_was_broken()


def test_what_did_not_change_costs_no_request(new_sink, database):
    sink = new_sink(database)
    keep(database, *(summary(MEMBER, day) for day in days(5)))
    sink.sync()
    assert sink.cost() == 0
    # Strain is not shown, so a day that changes in it alone says the same in Notion.
    keep(database, summary(MEMBER, DAY, strain=14.2))
    assert sink.cost() == 0


def test_a_changed_day_is_written_to_its_page_at_two_requests(new_sink, database):
    sink = new_sink(database)
    keep(database, *(summary(MEMBER, day) for day in days(5)))
    sink.sync()
    page = sink.page()
    keep(database, summary(MEMBER, DAY, recovery_score=12.0))
    assert sink.cost() == 2  # the schema, the page
    assert sink.page() == page
    assert sink.notion.shown(page)["Recovery (%)"] == 12


def test_what_whoop_did_not_score_is_empty_and_never_0(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    keep(sink.database, summary(MEMBER, DAY, recovery_score=None, sleep_duration_minutes=None))
    sink.sync()
    shown = sink.notion.shown(sink.page())
    assert shown["Recovery (%)"] is None
    assert shown["Sleep time (ms)"] is None


def test_what_a_person_wrote_in_other_properties_and_the_name_stay(new_sink, sqlite_database):
    sink = new_sink(
        sqlite_database, **{"Date": "date", "Member": "number", "Recovery (%)": "number", "Note": "rich_text"}
        | {"Sleep time (ms)": "number", "Sleep efficiency (%)": "number"},
    )  # fmt: skip
    keep(sqlite_database, summary(MEMBER, DAY))
    sink.sync()
    written = {"Note": {"rich_text": [{"text": {"content": "slept badly"}}]}}
    sink.notion.write(sink.page(), **written, Day={"title": [{"text": {"content": "a long day"}}]})
    keep(sqlite_database, summary(MEMBER, DAY, recovery_score=12.0))
    sink.sync()
    shown = sink.notion.shown(sink.page())
    assert (shown["Note"], shown["Day"], shown["Recovery (%)"]) == ("slept badly", "a long day", 12)


def test_a_day_without_a_summary_any_more_keeps_its_page_without_values(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    drop(sink.database, MEMBER, DAY)
    assert sink.sync().emptied == 1
    assert sink.notion.shown(sink.page())["Recovery (%)"] is None
    assert sink.cost() == 0
    keep(sink.database, summary(MEMBER, DAY))
    assert sink.sync().updated == 1
    assert sink.notion.shown(sink.page())["Recovery (%)"] == 66


# The bin


def test_a_page_in_the_bin_is_neither_restored_nor_made_anew(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    page = sink.page()
    sink.notion.bin(page)
    assert sink.cost() == 0
    for score in (12.0, 13.0):
        keep(sink.database, summary(MEMBER, DAY, recovery_score=score))
        assert sink.sync().in_bin == 1
        assert sink.cost() == 0
    assert sink.pages == {}
    assert len(sink.notion.pages) == 1
    assert sink.notion.shown(page)["Recovery (%)"] == 66


@pytest.mark.parametrize("what", ["in the bin", "not shared"])
def test_pages_of_a_data_source_that_is_not_there_are_not_gone(sink, what):
    keep(sink.database, *(summary(MEMBER, day) for day in days(3)))
    sink.sync()
    source = sink.notion.sources[sink.source]
    keep(sink.database, *(summary(MEMBER, day, recovery_score=12.0) for day in days(3)))
    if what == "in the bin":
        source["in_trash"] = True
    else:
        del sink.notion.sources[sink.source]
    done = sink.sync()
    assert (done.gone, done.updated) == (0, 0)
    assert "data source" in str(done.obstacle)
    source["in_trash"] = False
    sink.notion.sources[sink.source] = source
    assert sink.sync().updated == 3


def test_a_page_that_somebody_takes_out_of_the_bin_follows_again(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    page = sink.page()
    sink.notion.bin(page)
    keep(sink.database, summary(MEMBER, DAY, recovery_score=12.0))
    sink.sync()
    sink.notion.restore(page)
    keep(sink.database, summary(MEMBER, DAY, recovery_score=13.0))
    sink.sync()
    assert sink.notion.shown(page)["Recovery (%)"] == 13


@pytest.mark.parametrize("lost", ["bin", "delete_for_good"])
def test_a_day_gets_a_new_page_only_when_somebody_says_so(sink, lost):
    keep(sink.database, summary(MEMBER, DAY), summary(MEMBER, DAY - timedelta(days=1)))
    sink.sync()
    page = sink.page()
    getattr(sink.notion, lost)(page)
    keep(sink.database, summary(MEMBER, DAY, recovery_score=12.0))
    sink.sync()
    assert len(sink.pages) == 1
    with sink.database.write() as connection:
        now = sink.database.now(connection)
        assert notion_pages.want(connection, sink.source, now) == [(MEMBER, DAY)]
    assert sink.sync().created == 1
    assert sink.page() != page
    assert sink.notion.shown(sink.page())["Recovery (%)"] == 12
    assert sink.cost() == 0


def test_a_page_that_was_moved_elsewhere_is_left_alone(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    page, elsewhere = sink.page(), sink.notion.make_source(Text="rich_text")
    sink.notion.pages[page]["parent"]["data_source_id"] = elsewhere
    keep(sink.database, summary(MEMBER, DAY, recovery_score=12.0))
    assert sink.sync().gone == 1
    assert sink.pages == {}
    assert sink.cost() == 0


# Found rather than made


def forget(sink):
    """The ledger is lost: a database put back from an old copy."""
    with sink.database.write() as connection:
        connection.exec_driver_sql("delete from notion_pages")


@pytest.mark.slow
def test_a_page_is_found_by_its_date_and_member_when_the_ledger_does_not_know_it(new_sink, database):
    sink = new_sink(database)
    keep(database, *(summary(user_id, day) for user_id in (MEMBER, OTHER) for day in days(55)))
    sink.sync()
    before = sink.pages
    forget(sink)
    keep(database, summary(MEMBER, DAY, recovery_score=12.0))
    done = sink.sync()
    assert (done.created, done.adopted) == (0, 110)
    assert sink.pages == before
    assert sink.notion.shown(sink.page())["Recovery (%)"] == 12


def test_a_page_that_a_person_made_for_the_day_is_taken(sink):
    made = sink.notion.write_page(
        sink.source, Date={"date": {"start": DAY.isoformat()}}, Member={"number": MEMBER}
    )
    keep(sink.database, summary(MEMBER, DAY))
    assert sink.sync().adopted == 1
    assert sink.page() == made


def test_a_lost_ledger_does_not_bring_back_what_is_in_the_bin(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    sink.notion.bin(sink.page())
    forget(sink)
    assert sink.sync().in_bin == 1
    assert sink.pages == {}


def test_of_two_pages_of_a_day_the_oldest_is_kept_and_the_other_named(sink):
    for _ in range(2):
        sink.notion.write_page(
            sink.source, Date={"date": {"start": DAY.isoformat()}}, Member={"number": MEMBER}
        )
    oldest = next(iter(sink.notion.pages))
    keep(sink.database, summary(MEMBER, DAY))
    done = sink.sync()
    assert done.twice == [(MEMBER, DAY)]
    assert sink.notion.shown(oldest)["Recovery (%)"] == 66


def test_another_data_source_gets_pages_of_its_own_and_the_first_is_still_known(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    first, settings = sink.source, sink.settings
    sink.source = sink.notion.make_source(
        **{"Date": "date", "Member": "number", "Recovery (%)": "number"},
        **{"Sleep time (ms)": "number", "Sleep efficiency (%)": "number"},
    )
    sink.settings = settings.replace(notion_data_source=sink.source)
    assert sink.sync().created == 1
    sink.source, sink.settings = first, settings
    assert sink.cost() == 0


def test_an_erased_member_is_not_written_of_any_more(sink):
    keep(sink.database, summary(MEMBER, DAY), summary(OTHER, DAY))
    sink.sync()
    with sink.database.write([MEMBER]) as connection:
        membership.erase_member(connection, MEMBER)
    assert sink.states() == {"written": 1}
    assert sink.cost() == 0


@pytest.mark.parametrize("is_there", [False, True])
def test_nothing_is_entered_or_written_of_a_member_who_is_erased_in_the_middle(sink, is_there):
    keep(sink.database, *(summary(MEMBER, day) for day in days(3)), summary(OTHER, DAY))
    if is_there:  # pages that are found and taken
        for day in days(3):
            sink.notion.write_page(
                sink.source, Date={"date": {"start": day.isoformat()}}, Member={"number": MEMBER}
            )
    writes = []

    def meanwhile(asked):
        if asked.path.startswith("/v1/pages"):
            writes.append(asked)
            if len(writes) == 1:
                with sink.database.write([MEMBER]) as connection:
                    membership.erase_member(connection, MEMBER)

    sink.notion.on_request = meanwhile
    sink.sync()
    assert ledger_members(sink) == {OTHER}
    assert len(writes) == 2  # the one that was under way, and the other member's


@pytest.mark.parametrize("step", ["claim", "record"])
def test_nothing_is_entered_of_a_member_who_is_erased_just_before_it_is(sink, monkeypatch, step):
    keep(sink.database, summary(MEMBER, DAY), summary(OTHER, DAY))
    if step == "record":
        sink.notion.write_page(
            sink.source, Date={"date": {"start": DAY.isoformat()}}, Member={"number": MEMBER}
        )
    real = getattr(notion_pages, step)

    def late(connection, source, entry, *args, **kwargs):
        membership.erase_member(connection, MEMBER)
        return real(connection, source, entry, *args, **kwargs)

    monkeypatch.setattr(notion_pages, step, late)
    sink.sync()
    assert ledger_members(sink) == {OTHER}


def test_no_page_is_claimed_for_a_member_who_is_not_here(sink):
    with sink.database.write([MEMBER]) as connection:
        entry = notion_pages.Day(MEMBER, DAY, None)
        assert notion_pages.claim(connection, sink.source, entry, sink.database.now(connection)) is None
    assert ledger_members(sink) == set()


def ledger_members(sink):
    """Of whom the ledger has entries."""
    with sink.database.read() as connection:
        return set(connection.scalars(select(tables.notion_pages.c.user_id)))


# Faults


@pytest.mark.slow
def test_every_kind_of_fault_in_the_middle_is_outlasted_and_no_page_is_made_twice(sink):
    keep(sink.database, *(summary(MEMBER, day) for day in days(30)))
    dice = random.Random(5)
    kinds = [("500", False), ("502", True), ("503", False), ("429:2", False), ("529:3", False),
             ("silence", False),
             ("silence", True), ("garbage", True), ("504", True)]  # fmt: skip

    def weather(asked):
        if dice.random() < 0.2:
            kind, after = dice.choice(kinds)
            sink.notion.fault(kind, f"^{asked.method} {asked.path}$", after=after)

    sink.notion.on_request = weather
    for _ in range(40):
        done = sink.sync()
        sink.database.clock.advance(SETTLED_AFTER)
        keep(sink.database, summary(MEMBER, dice.choice(days(30)), recovery_score=float(dice.randint(1, 99))))
        if done.obstacle is None and not done.lost and dice.random() < 0.2:
            break
    sink.notion.on_request, sink.notion.faults = None, []
    sink.database.clock.advance(SETTLED_AFTER)
    done = sink.sync()
    assert done.obstacle is None
    assert len(sink.notion.pages) == len(sink.pages) == 30
    with sink.database.read() as connection:
        kept = {day: notion_pages.summary(connection, MEMBER, day) for day in days(30)}
    assert {day: sink.notion.shown(sink.page(MEMBER, day))["Recovery (%)"] for day in days(30)} == {
        day: row["recovery_score"] for day, row in kept.items()
    }


@pytest.mark.parametrize("kind", ["502", "silence", "garbage"])
def test_a_page_that_was_made_without_an_answer_is_found_and_not_made_again(sink, kind):
    keep(sink.database, summary(MEMBER, DAY))
    sink.notion.fault(kind, "POST /v1/pages", after=True)
    assert sink.sync().adopted == 1
    assert len(sink.notion.pages) == 1
    assert sink.cost() == 0


def test_while_a_lost_request_could_still_arrive_no_second_page_is_asked_for(sink):
    sink.notion.lag = SETTLED_AFTER.total_seconds() / 2
    keep(sink.database, summary(MEMBER, DAY))
    sink.notion.fault("silence", "POST /v1/pages", after=True)
    assert sink.sync().lost == 1
    assert sink.sync().held == 1
    assert len(sink.notion.pages) == 1
    sink.database.clock.advance(SETTLED_AFTER)
    assert sink.sync().adopted == 1
    assert len(sink.notion.pages) == 1


def test_a_request_that_was_really_lost_is_sent_again_when_that_is_certain(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.notion.fault("silence", "POST /v1/pages")
    assert sink.sync().lost == 1
    assert sink.pages == {}
    sink.database.clock.advance(SETTLED_AFTER)
    assert sink.sync().created == 1


def test_when_notion_is_down_the_run_ends_soon_and_the_next_does_the_rest(sink):
    keep(sink.database, *(summary(MEMBER, day) for day in days(20)))
    sink.notion.fault("503", "POST /v1/pages", times=1000)
    done = sink.sync()
    assert done.obstacle is not None
    assert done.requests < 15
    with sink.database.read() as connection:
        obstacle = sources.obstacle(connection, sink.source)
    assert obstacle.failures == 1
    assert obstacle.try_after is not None
    sink.notion.faults.clear()
    sink.database.clock.advance(SETTLED_AFTER)
    assert sink.sync().created == 20
    with sink.database.read() as connection:
        assert sources.obstacle(connection, sink.source).failures == 0


def test_a_wait_that_is_too_long_for_a_run_is_an_obstacle_that_says_until_when(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.notion.fault("429:900", "data_sources")
    before = sink.database.clock.now()
    done = sink.sync()
    assert done.requests == 1
    assert "UTC" in str(done.obstacle)
    with sink.database.read() as connection:
        obstacle = sources.obstacle(connection, sink.source)
    assert obstacle.try_after - before >= timedelta(seconds=900)
    assert sink.cost() == 0  # nor does another process ask before


def test_retry_after_is_kept(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.notion.fault("429:7", "POST /v1/pages")
    assert sink.sync().created == 1
    first, second = (one for one in sink.notion.asked if one.path == "/v1/pages")
    assert (second.at - first.at).total_seconds() >= 7


def test_the_pace_is_kept_by_all_processes_together(sink, new_database_url):
    keep(sink.database, *(summary(MEMBER, day) for day in days(12)))
    other = Database(str(sink.database.url), sink.database.clock)
    sink.notion.fault("503", "POST /v1/pages", times=1)
    sink.sync()
    sink.database = other
    sink.sync()
    other.close()
    times = sorted(one.at for one in sink.notion.asked)
    assert all(
        after - before >= timedelta(seconds=1) for before, after in zip(times, times[3:], strict=False)
    )


def test_a_token_that_is_not_valid_is_said_and_not_shown(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.settings = sink.settings.replace(notion_token="ntn_of_somebody_else")
    said = str(sink.sync().obstacle)
    assert "NOTION_TOKEN" in said
    assert "somebody" not in said


def test_a_page_that_notion_refuses_costs_the_others_nothing(new_sink, sqlite_database):
    mapping = "properties: {Sports: {column: sports, type: rich_text}}"
    sink = new_sink(sqlite_database, mapping, Date="date", Member="number", Sports="rich_text")
    keep(sqlite_database, *(summary(MEMBER, day, sports="running") for day in days(4)))
    sink.sync()
    sink.notion.fault("400", sink.page(), times=1)
    keep(sqlite_database, *(summary(MEMBER, day, sports="rowing") for day in days(4)))
    done = sink.sync()
    assert done.updated == 3
    assert list(done.refused) == [(MEMBER, DAY)]
    assert sink.sync().updated == 1


@pytest.mark.parametrize("renewed", [False, True])
def test_a_page_that_notion_refuses_to_make_is_named_and_is_the_same_work_again(sink, renewed):
    keep(sink.database, summary(MEMBER, DAY))
    if renewed:
        sink.sync()
        sink.notion.bin(sink.page())
        keep(sink.database, summary(MEMBER, DAY, recovery_score=12.0))
        sink.sync()
        with sink.database.write() as connection:
            notion_pages.want(connection, sink.source, sink.database.now(connection))
    sink.notion.fault("400", "POST /v1/pages", times=3)
    work = []
    for _ in range(3):
        assert list(sink.sync().refused) == [(MEMBER, DAY)]
        with sink.database.read() as connection:
            (refusal,) = notion_pages.refusals(connection, sink.source)
            work.append(
                notion_pages.days_behind(
                    connection, sink.source, "another", settled=sink.database.now(connection)
                )
            )
        assert refusal[:2] == (MEMBER, DAY)
    assert work[1] == work[2]
    assert sink.sync().created == 1
    assert len(sink.pages) == 1
    with sink.database.read() as connection:
        assert notion_pages.refusals(connection, sink.source) == []


def test_a_found_page_that_notion_refuses_to_have_written_is_remembered_and_taken_later(sink):
    keep(sink.database, summary(MEMBER, DAY))
    page = sink.notion.write_page(
        sink.source, Date={"date": {"start": DAY.isoformat()}}, Member={"number": MEMBER}
    )
    sink.notion.fault("400", page, times=1)
    assert list(sink.sync().refused) == [(MEMBER, DAY)]
    with sink.database.read() as connection:
        assert [one[:2] for one in notion_pages.refusals(connection, sink.source)] == [(MEMBER, DAY)]
        now = sink.database.now(connection)
        (behind,) = notion_pages.days_behind(connection, sink.source, "another", settled=now)
        assert (behind.members, behind.refused) == (1, 1)
    assert sink.sync().adopted == 1
    assert sink.page() == page
    assert sink.cost() == 0


def test_a_refusal_of_a_page_that_is_not_behind_any_more_is_nobodys_on_that_day(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.notion.fault("400", "POST /v1/pages", times=1)
    assert list(sink.sync().refused) == [(MEMBER, DAY)]
    drop(sink.database, MEMBER, DAY)
    keep(sink.database, summary(OTHER, DAY))
    with sink.database.read() as connection:
        now = sink.database.now(connection)
        (behind,) = notion_pages.days_behind(connection, sink.source, "another", settled=now)
        assert notion_pages.refusals(connection, sink.source) == []
    assert (behind.members, behind.refused) == (1, 0)


@pytest.mark.parametrize("known", [False, True])
def test_a_refusal_of_what_was_to_be_written_is_none_of_what_another_process_wrote_meanwhile(sink, known):
    keep(sink.database, summary(MEMBER, DAY))
    if known:
        sink.sync()
    else:
        sink.notion.write_page(
            sink.source, Date={"date": {"start": DAY.isoformat()}}, Member={"number": MEMBER}
        )
    keep(sink.database, summary(MEMBER, DAY, recovery_score=12.0))
    sink.notion.fault("400", sink.page(), times=1)
    other = Database(str(sink.database.url), sink.database.clock)

    def meanwhile(asked):
        if asked.method == "PATCH":
            sink.notion.on_request = None
            faults, sink.notion.faults = sink.notion.faults, []
            replace(sink, database=other).sync()
            sink.notion.faults = faults

    sink.notion.on_request = meanwhile
    assert list(sink.sync().refused) == [(MEMBER, DAY)]
    with sink.database.read() as connection:
        assert notion_pages.refusals(connection, sink.source) == []
    assert sink.notion.shown(sink.page())["Recovery (%)"] == 12
    assert sink.cost() == 0
    other.close()


def test_of_two_processes_that_write_a_page_at_once_the_older_content_does_not_stay(sink):
    keep(sink.database, summary(MEMBER, DAY))
    sink.sync()
    keep(sink.database, summary(MEMBER, DAY, recovery_score=12.0))
    other = Database(str(sink.database.url), sink.database.clock)

    def meanwhile(asked):
        """Between this process's look at the summary and its request another one changes and writes it."""
        if asked.method == "PATCH":
            sink.notion.on_request = None
            keep(other, summary(MEMBER, DAY, recovery_score=13.0))
            replace(sink, database=other).sync()

    sink.notion.on_request = meanwhile
    sink.sync()
    assert sink.notion.shown(sink.page())["Recovery (%)"] == 12
    sink.sync()
    assert sink.notion.shown(sink.page())["Recovery (%)"] == 13
    assert sink.cost() == 0
    other.close()


def test_two_processes_that_miss_the_same_page_make_one(sink):
    keep(sink.database, summary(MEMBER, DAY), summary(MEMBER, DAY - timedelta(days=1)))
    other = Database(str(sink.database.url), sink.database.clock)

    def meanwhile(asked):
        if asked.method == "POST" and asked.path == "/v1/pages":
            sink.notion.on_request = None
            replace(sink, database=other).sync()

    sink.notion.on_request = meanwhile
    sink.sync()
    assert len(sink.notion.pages) == 2
    assert sink.states() == {"written": 2}
    other.close()
