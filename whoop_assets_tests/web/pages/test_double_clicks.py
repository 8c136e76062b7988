"""Two hundred clicks at the same time are one action."""

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import httpx
import pytest

from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.web import WEBHOOK_PATH
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_assets_tests.web.pages.conftest import Site
from whoop_assets_tests.web.routes import routes_of

CLICKS, BROWSER_CONNECTIONS = 200, 20
ACTIONS = {
    "/me/read-now": "read now",
    "/me/force-sync": "force sync",
    "/me/reconnect": "reconnect",
    "/me/disconnect": "disconnect",
    "/me/delete": "erase",
    "/team/invite": "invite",
}
"""Buttons with an effect, and their line in the audit log."""
WITHOUT_EFFECT_THE_SECOND_TIME = {"/sign-out", "/me/download"}


@pytest.fixture
def first_day() -> date:
    """A few days suffice, because these tests are about forms and sessions."""
    return TODAY - timedelta(days=3)


@pytest.fixture
def site(new_site: Callable[..., Site], first_day: date) -> Site:
    """A site whose rate limits see a minute between two clicks."""
    return new_site(operators=(0,), first=first_day, limits_clock=itertools.count(step=60).__next__)


def clicked(site: Site, path: str, fields: dict[str, str], cookies: dict[str, str]) -> Counter[int]:
    """Submit the same form many times at once; status -> number of answers."""
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}

    with (
        httpx.Client(base_url=site.base_url, verify=NO_CERTIFICATES, timeout=300) as http,
        ThreadPoolExecutor(BROWSER_CONNECTIONS) as clicks,
    ):

        def click(_: int) -> int:
            return http.post(path, data=fields, headers=header).status_code

        return Counter(clicks.map(click, range(CLICKS)))


def session_form(site: Site, user_id: int) -> tuple[dict[str, str], dict[str, str]]:
    """The fields and the cookie of a form in a new session."""
    token = site.session_token(user_id)
    return {"csrf": sessions.form_token(token), "form": "one-form", "word": "DELETE"}, {SESSION_COOKIE: token}


def test_these_are_all_buttons(site: Site) -> None:
    posts = {path for _, path in routes_of(site.app, "POST")}
    assert posts == {*ACTIONS, *WITHOUT_EFFECT_THE_SECOND_TIME, "/sign-in/{secret}", WEBHOOK_PATH}


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(set(ACTIONS) - {"/me/delete"}))
def test_two_hundred_clicks_are_one_action(site: Site, path: str) -> None:
    statuses = clicked(site, path, *session_form(site, site.members[0]))
    done = [row for row in site.home.rows("page_actions").values() if row["action"] == ACTIONS[path]]
    assert len(done) == 1
    table = {
        "/me/read-now": "asked_readings",
        "/me/force-sync": "forced_readings",
        "/team/invite": "invitations",
    }.get(path)
    if table is not None:
        assert len(site.home.rows(table)) == 1
    if path == "/me/disconnect":
        # 403: the click came after the session had ended. 409: just before its end, after the action.
        assert set(statuses) <= {200, 403, 409}
        assert statuses[200] >= 1
    elif path == "/team/invite":
        assert statuses == {200: 1, 303: CLICKS - 1}
    else:
        assert statuses == {303: CLICKS}


@pytest.mark.slow
def test_two_hundred_deletions_delete_once(site: Site) -> None:
    user_id = site.members[1]
    statuses = clicked(site, "/me/delete", *session_form(site, user_id))
    assert set(statuses) <= {200, 403}
    assert statuses[200] >= 1
    assert site.erased == [user_id]
    assert user_id not in {row["user_id"] for row in site.home.rows("page_actions").values()}


@pytest.mark.parametrize("path", ["/me/disconnect", "/me/delete"])
def test_no_click_is_told_of_success_while_whoop_fails(site: Site, path: str) -> None:
    user_id = site.members[1]
    site.home.world.inject_fault("status", status=404, path_prefix="/v2/user/access", count=None)
    assert set(clicked(site, path, *session_form(site, user_id))) == {503}
    with site.home.database.read() as connection:
        assert member_store.status(connection, user_id) == member_store.CONNECTED


@pytest.mark.slow
def test_a_link_that_is_used_two_hundred_times_at_once_makes_one_session(site: Site) -> None:
    user_id = site.members[1]
    path = "/sign-in/" + site.secrets_of_links(user_id)["/sign-in/{secret}"]
    browser = site.browser().open(path)
    statuses = clicked(site, path, browser.form(path), dict(browser.http.cookies))
    assert statuses == {303: 1, 404: CLICKS - 1}
    assert [row["user_id"] for row in site.home.rows("member_sessions").values()] == [user_id]
