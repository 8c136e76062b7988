"""The card of the connection to WHOOP: states, progress of the import, and times in the member's zone."""

import json
from datetime import timedelta

import httpx
from sqlalchemy import delete, select, update

from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import coverage
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.sync.members.connecting import disconnect_member
from whoop_assets.web import WEBHOOK_PATH
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_assets_tests.web.conftest import event, signed
from whoop_assets_tests.web.pages.conftest import FIRST_DAY, Site


def test_the_card_shows_the_progress_of_the_first_import(site: Site) -> None:
    user_id = site.members[0]
    browser = site.browser_with_session(user_id)
    assert "Connected New values arrive" in browser.open("/me").text
    site.home.advance(timedelta(hours=1))
    middle = site.home.clock.now() - (TODAY - FIRST_DAY) / 2
    mine = coverage.c.user_id == user_id
    with site.home.database.write() as connection:
        connection.execute(update(coverage).where(mine).values(start_time=middle))
    # Half of the days took an hour, so the other half takes another hour.
    assert (
        f"Importing 49 % of your history is read, back to {middle:%a} {middle.day}"
        in browser.open("/me").text
    )
    assert "About 1 h" in browser.text
    with site.home.database.write() as connection:
        connection.execute(delete(coverage).where(mine, coverage.c.stream == "workouts"))
    assert "Importing Your history is being read, newest days first." in browser.open("/me").text


def test_times_are_in_the_members_zone(site: Site) -> None:
    offsets = {}
    for user_id in site.members:
        site.home.advance(timedelta(minutes=7))
        body = json.dumps(event(user_id=user_id)).encode()
        url = site.base_url + WEBHOOK_PATH
        assert httpx.post(url, content=body, headers=signed(body), verify=NO_CERTIFICATES).status_code == 204
        with site.home.database.read() as connection:
            newest = (
                select(daily_summary.c.timezone_offset)
                .where(daily_summary.c.user_id == user_id)
                .order_by(daily_summary.c.day.desc())
                .limit(1)
            )
            offsets[user_id] = offset_of(connection.scalar(newest))
        local = site.home.clock.now() + offsets[user_id]
        browser = site.browser_with_session(user_id).open("/me")
        assert f"Last message from WHOOP {local:%H:%M} " in browser.text
        assert f"Requested at {local:%H:%M}." in browser.press("/me/read-now").text
    assert len(set(offsets.values())) == 2


def test_a_disconnected_member_is_shown_as_such_to_an_operator(site: Site) -> None:
    operator, other = site.members
    disconnect_member(site.session, other, erase=False)
    browser = site.browser_with_session(operator).open(f"/team/{other}")
    assert "Disconnected Nothing new is read. Your data is kept." in browser.text
    assert "Disconnected" in browser.open("/team").text
