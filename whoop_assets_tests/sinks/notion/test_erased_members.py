"""The sink writes no page and no ledger entry for an erased member."""

import pytest
from sqlalchemy import select

from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion import tables
from whoop_assets.sync.members import membership
from whoop_assets_tests.support.fake_notion.summaries import (
    DAY,
    MEMBER,
    OTHER,
    last_days,
    store_summaries,
    summary_row,
)


def test_an_erased_member_has_no_ledger_entries_and_causes_no_request(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY), summary_row(OTHER, DAY))
    sink.sync()
    with sink.database.write([MEMBER]) as connection:
        membership.erase_member(connection, MEMBER)
    assert sink.states() == {"written": 1}
    assert sink.requests_of_next_run() == 0


@pytest.mark.parametrize("pages_exist", [False, True])
def test_a_member_erased_during_a_run_gets_no_entry_and_no_further_page(sink, pages_exist):
    store_summaries(
        sink.database, *(summary_row(MEMBER, day) for day in last_days(3)), summary_row(OTHER, DAY)
    )
    if pages_exist:  # the sink adopts them
        for day in last_days(3):
            sink.create_page_by_hand(day)
    writes = []

    def erase_at_first_write(request):
        if request.path.startswith("/v1/pages"):
            writes.append(request)
            if len(writes) == 1:
                with sink.database.write([MEMBER]) as connection:
                    membership.erase_member(connection, MEMBER)

    sink.notion.on_request = erase_at_first_write
    sink.sync()
    assert ledger_members(sink) == {OTHER}
    assert len(writes) == 2  # the interrupted one, and the other member's


@pytest.mark.parametrize("step", ["claim", "record"])
def test_a_member_erased_just_before_a_ledger_write_gets_no_entry(sink, monkeypatch, step):
    store_summaries(sink.database, summary_row(MEMBER, DAY), summary_row(OTHER, DAY))
    if step == "record":
        sink.create_page_by_hand()
    write_entry = getattr(notion_pages, step)

    def erase_first(connection, source, entry, *args, **kwargs):
        membership.erase_member(connection, MEMBER)
        return write_entry(connection, source, entry, *args, **kwargs)

    monkeypatch.setattr(notion_pages, step, erase_first)
    sink.sync()
    assert ledger_members(sink) == {OTHER}


def test_no_page_is_claimed_for_an_unknown_member(sink):
    with sink.database.write([MEMBER]) as connection:
        entry = notion_pages.Day(MEMBER, DAY, None)
        assert notion_pages.claim(connection, sink.source, entry, sink.database.now(connection)) is None
    assert ledger_members(sink) == set()


def ledger_members(sink):
    """Return the members with ledger entries."""
    with sink.database.read() as connection:
        return set(connection.scalars(select(tables.notion_pages.c.user_id)))
