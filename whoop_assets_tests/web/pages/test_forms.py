"""Forms with foreign tokens, double clicks, wrong states, expired sessions and failing databases."""

from collections.abc import Callable
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy import text

from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.sync.members import membership
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.service import ACTIONS_PER_MINUTE, SIGN_INS_PER_MINUTE
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_assets_tests.web.conftest import Service
from whoop_assets_tests.web.pages.conftest import Site


@pytest.fixture
def first_day() -> date:
    """A few days suffice, because these tests are about forms and sessions."""
    return TODAY - timedelta(days=3)


def test_a_link_cannot_be_used_from_another_site(site: Site) -> None:
    with site.home.database.write() as connection:
        secret = sessions.make_link(connection, site.members[0], site.home.clock.now(), timedelta(hours=1))
    path = f"/sign-in/{secret}"
    victim = site.browser()
    token = site.browser().open(path).form(path)["csrf"]
    victim.open(path)
    for given in ({}, {"csrf": token}):
        assert victim.http.post(path, data=given).status_code == 403
    assert victim.press(path).status == 200


def test_buttons_have_a_rate_limit_for_each_session(site: Site) -> None:
    mine, other = (site.browser_with_session(user_id).open("/me") for user_id in site.members)
    fields = mine.form("/me/read-now")
    answers = [mine.http.post("/me/read-now", data=fields).status_code for _ in range(ACTIONS_PER_MINUTE + 1)]
    assert answers == [303] * ACTIONS_PER_MINUTE + [429]
    assert other.press("/me/read-now").status == 200


def test_signing_in_has_a_rate_limit(site: Site) -> None:
    browser = site.browser()
    answers = [browser.http.get("/sign-in").status_code for _ in range(SIGN_INS_PER_MINUTE + 1)]
    assert answers == [303] * SIGN_INS_PER_MINUTE + [429]


@pytest.mark.parametrize(("trusted", "limited"), [("", 429), ("127.0.0.1", 303)])
def test_signing_in_is_limited_for_each_client_behind_a_trusted_proxy(
    new_site: Callable[..., Site], trusted: str, limited: int
) -> None:
    """A client cannot choose its address: only a proxy can name it."""
    site = new_site(trusted_proxies=trusted)
    browser = site.browser()
    for _ in range(SIGN_INS_PER_MINUTE):
        browser.http.get("/sign-in", headers={"X-Forwarded-For": "192.0.2.1"})
    assert browser.http.get("/sign-in", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 429
    assert browser.http.get("/sign-in", headers={"X-Forwarded-For": "192.0.2.2"}).status_code == limited


# Signing in


def test_a_state_works_once_and_only_in_the_browser_that_began_it(site: Site) -> None:
    user_id = site.members[0]
    browser, other = site.browser().open("/sign-in"), site.browser()
    back = site.home.simulator.consent(browser.location, user_id).removeprefix(site.base_url)
    assert other.open(back).status == 400
    cookie = dict(browser.http.cookies)
    assert browser.open(back).status == 200
    assert browser.text.startswith(f" Member {user_id}")
    again = httpx.get(site.base_url + back, cookies=cookie, verify=NO_CERTIFICATES)
    assert again.status_code == 400
    assert "has ended" in again.text


def test_of_two_tabs_that_sign_in_the_later_one_works(site: Site) -> None:
    user_id = site.members[0]
    browser = site.browser()
    first, second = browser.open("/sign-in").location, browser.open("/sign-in").location
    browser.consent(first, user_id)
    assert (browser.status, "Start again" in browser.text) == (400, True)
    assert site.home.rows("member_sessions") == {}
    assert browser.consent(browser.open("/sign-in").location, user_id).text.startswith(f" Member {user_id}")
    # The first tab's page in another window: the session of the later attempt stays.
    assert site.browser().consent(second, user_id).status == 400
    assert browser.open("/me").text.startswith(f" Member {user_id}")


def test_an_attempt_ends_after_ten_minutes(site: Site) -> None:
    browser = site.browser().open("/sign-in")
    back = site.home.simulator.consent(browser.location, site.members[0]).removeprefix(site.base_url)
    site.home.advance(sessions.ATTEMPT_LIFETIME)
    assert browser.open(back).status == 400
    assert "has ended" in browser.text


def test_a_member_who_declines_is_not_signed_in(site: Site) -> None:
    browser = site.browser().sign_in(site.members[0], "deny")
    assert (browser.status, "declined" in browser.text) == (400, True)
    assert "Sign in with WHOOP" in browser.open("/me").text


def test_an_unknown_member_needs_an_invitation_and_nothing_stays(new_site: Callable[..., Site]) -> None:
    site = new_site()
    unknown = site.members[1]
    with site.home.database.write() as connection:
        membership.erase_member(connection, unknown)
    browser = site.browser().sign_in(unknown)
    assert browser.status == 403
    assert "ask the person who runs this service" in browser.text
    assert unknown not in {row["user_id"] for row in site.home.rows("members").values()}
    assert not site.home.world.grants.live(unknown, site.home.world.now())


def test_reconnecting_as_another_member_changes_nothing(site: Site) -> None:
    mine, other = site.members
    browser = site.browser_with_session(mine).open("/me")
    browser.press("/me/reconnect")
    before = site.home.rows("tokens"), site.home.rows("members")
    browser.consent(browser.location, other)
    assert browser.status == 400
    assert "another member" in browser.text
    assert (site.home.rows("tokens"), site.home.rows("members")) == before
    assert browser.open("/me").text.startswith(f" Member {mine}")


def test_reconnecting_as_someone_who_is_not_stored_leaves_no_grant_at_whoop(site: Site) -> None:
    mine, other = site.members
    with site.home.database.write() as connection:
        membership.erase_member(connection, other)
    browser = site.browser_with_session(mine).open("/me")
    browser.press("/me/reconnect")
    browser.consent(browser.location, other)
    assert (browser.status, "another member" in browser.text) == (400, True)
    assert other not in {row["user_id"] for row in site.home.rows("members").values()}
    assert not site.home.world.grants.live(other, site.home.world.now())


# Buttons at a bad moment


def test_a_member_who_disconnected_in_another_tab_gets_one_sentence(site: Site) -> None:
    user_id = site.members[1]
    first, second = site.browser_with_session(user_id).open("/me"), site.browser_with_session(user_id)
    second.open("/me/disconnect").press("/me/disconnect")
    first.press("/me/read-now")
    assert (first.status, "sign in again" in first.text) == (403, True)
    assert site.home.rows("asked_readings") == {}


def test_a_button_of_an_expired_session_does_nothing(site: Site) -> None:
    browser = site.browser_with_session(site.members[0]).open("/me")
    site.home.advance(sessions.SESSION_LIFETIME)
    browser.press("/me/force-sync")
    assert (browser.status, "sign in again" in browser.text) == (403, True)
    assert site.home.rows("forced_readings") == {}


def test_a_member_who_needs_reconnection_cannot_read(site: Site) -> None:
    user_id = site.members[0]
    browser = site.browser_with_session(user_id).open("/me")
    with site.home.database.write() as connection:
        member_store.set_status(connection, user_id, member_store.RECONNECTION_NEEDED, "for the test")
    browser.press("/me/read-now")
    assert (browser.status, "reconnect first" in browser.text) == (409, True)
    assert site.home.rows("asked_readings") == {}
    assert "read now" not in {row["action"] for row in site.home.rows("page_actions").values()}


def test_a_deletion_that_fails_can_be_submitted_again(site: Site) -> None:
    user_id = site.members[1]
    browser = site.browser_with_session(user_id).open("/me/delete")
    fields = {**browser.form("/me/delete"), "word": "DELETE"}
    site.home.world.inject_fault("status", status=404, path_prefix="/v2/user/access")
    answer = browser.http.post("/me/delete", data=fields)
    assert answer.status_code == 503
    assert user_id in {row["user_id"] for row in site.home.rows("members").values()}
    site.home.world.clear_faults()
    assert browser.http.post("/me/delete", data=fields).status_code == 200
    assert user_id not in {row["user_id"] for row in site.home.rows("members").values()}


def test_without_the_database_a_page_is_one_sentence_that_names_nothing(site: Site, caplog) -> None:
    browser = site.browser_with_session(site.members[0]).open("/me")
    with site.home.database.write() as connection:
        connection.execute(text("alter table page_actions rename to elsewhere"))
    browser.press("/me/read-now")
    assert (browser.status, "try again in a few minutes" in browser.text) == (503, True)
    assert site.home.rows("asked_readings") == {}
    with site.home.database.write() as connection:
        connection.execute(text("alter table elsewhere rename to page_actions"))
        connection.execute(text("alter table member_sessions rename to elsewhere"))
    browser.open("/me")
    assert browser.status == 503
    assert "elsewhere" not in browser.page
    token = browser.http.cookies["whoop_session"]
    assert token not in caplog.text


def test_the_service_without_members_still_has_a_start_page(sqlite_service: Service) -> None:
    assert "Sign in with WHOOP" in sqlite_service.get("/").text
    assert sqlite_service.get("/me", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("database_kind", ["sqlite"])  # PostgreSQL rejects such a row
def test_a_bug_is_logged_by_its_kind_and_shows_nothing(site: Site, caplog) -> None:
    browser = site.browser_with_session(site.members[0])
    with site.home.database.write() as connection:
        connection.execute(text("update members set connected_at = 'a value of a row'"))
    browser.open("/me")
    assert (browser.status, texts.FAILED in browser.page) == (500, True)
    assert "A page failed with ValueError." in caplog.text
    assert "a value of a row" not in caplog.text + browser.page
