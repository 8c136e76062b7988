"""The pages in Chromium: accessibility, layout, console messages, and complete visits."""

import re
import zipfile
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.servers.browser import BrowserPage, running_browser
from whoop_assets_tests.support.waiting import wait_until
from whoop_assets_tests.web.pages.conftest import Site, running_site
from whoop_assets_tests.web.routes import filled, routes_of

pytestmark = pytest.mark.slow

WIDTHS = (360, 768, 1280, 1920)
SERIOUS = """
axe.run().then(found => found.violations
  .filter(one => ['serious', 'critical'].includes(one.impact))
  .map(one => `${one.id}: ${one.nodes[0].html.slice(0, 120)}`))"""
PAPER_WIDTH = 688
"""Pixels of A4 between margins of 14 mm."""
MINUTE = timedelta(minutes=1)
RESCORED = 3
"""A recovery score that no other day has."""


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


@pytest.fixture
def database_kind() -> str:
    """SQLite alone: these tests are about the pages, not about SQL."""
    return "sqlite"


@pytest.fixture
def site(open_home):
    with running_site(open_home, operators=(0,)) as site:
        yield site


def axe() -> str:
    spec = find_spec("axe_core_python")
    assert spec is not None and spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


def visit(page: BrowserPage, url: str) -> BrowserPage:
    page.visit(url)
    return page


def click(page: BrowserPage, selector: str) -> BrowserPage:
    page.click(selector)
    return page


def text(page: BrowserPage) -> str:
    return str(page.evaluate("document.body.innerText"))


def sign_in(page: BrowserPage, site: Site, user_id: int) -> BrowserPage:
    """Sign in through the simulator's consent page, as a person does."""
    visit(page, site.base_url + "/")
    click(page, "a.button")
    page.evaluate(f"void (document.querySelector('select').value = '{user_id}')")
    return click(page, "button[value=allow]")


def press(page: BrowserPage, action: str) -> BrowserPage:
    return click(page, f"form[action='{action}'] button")


def html_paths(site: Site, token: str) -> list[str]:
    """Return the address of every route that answers a GET with a page, in this session or without one."""
    other = site.members[1]
    secrets = site.secrets_of_links(other)
    found = []
    for _, path in routes_of(site.app, "GET"):
        values = {"secret": secrets.get(path, ""), "user_id": str(other), "name": "pages.css"}
        address = filled(path, values)
        cookie = {"Cookie": f"{SESSION_COOKIE}={token}"} if token else {}
        response = site.browser().http.get(address, headers=cookie)
        if response.headers.get("content-type", "").startswith("text/html"):
            found.append(address)
    return found


def require_usable(page: BrowserPage, site: Site, width: int) -> None:
    """The page fits its width, uses no other host, and has no serious finding of axe-core."""
    path = page.evaluate("location.pathname")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    own_status = "the server responded with a status of 4"
    assert [text for text in page.console_messages() if own_status not in text] == [], path
    assert {urlsplit(url).netloc for url in page.requests()} == {urlsplit(site.base_url).netloc}
    page.evaluate(axe() + ";1")
    assert page.evaluate(SERIOUS) == [], path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_accessible_fits_its_width_and_asks_no_other_host(browser, site, width, dark):
    token = site.session_token(site.members[0])
    without_session, with_session = html_paths(site, ""), html_paths(site, token)
    assert {"/", "/callback"} < set(without_session)
    assert {"/me", "/me/delete", "/me/disconnect", "/team", f"/team/{site.members[1]}"} < set(with_session)
    page = browser.open(site.base_url + "/", width=width, dark=dark)
    for path in without_session:
        visit(page, site.base_url + path)
        require_usable(page, site, width)
    page.call("Network.setCookie", name=SESSION_COOKIE, value=token, url=site.base_url)
    for path in with_session:
        visit(page, site.base_url + path)
        require_usable(page, site, width)
    visit(page, site.base_url + "/team")
    require_usable(press(page, "/team/invite"), site, width)
    page.call("Network.clearBrowserCookies")


@pytest.mark.parametrize("path", ["/me", "/team"])
def test_a_printed_page_loses_no_column_and_has_no_empty_card(browser, site, path):
    page = browser.open(site.base_url + "/", width=PAPER_WIDTH)
    token = site.session_token(site.members[0])
    page.call("Network.setCookie", name=SESSION_COOKIE, value=token, url=site.base_url)
    visit(page, site.base_url + path)
    page.call("Emulation.setEmulatedMedia", media="print")
    widths = page.evaluate("[...document.querySelectorAll('table')].map(one => one.offsetWidth)")
    assert widths
    assert max(widths) <= PAPER_WIDTH
    shown = "[...document.querySelectorAll('.card')].filter(one => one.offsetHeight)"
    assert page.evaluate(f"{shown}.filter(one => !one.innerText.trim()).length") == 0


def test_every_control_is_reached_with_the_tab_key_and_has_a_name(browser, site):
    token = site.session_token(site.members[0])
    page = browser.open(site.base_url + "/")
    page.call("Network.setCookie", name=SESSION_COOKIE, value=token, url=site.base_url)
    visit(page, site.base_url + "/me")
    controls = page.evaluate("document.querySelectorAll('a[href], button').length")
    reached = set()
    for _ in range(controls + 20):
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(
            page.evaluate("[...document.querySelectorAll('a[href], button')].indexOf(document.activeElement)")
        )
    assert reached >= set(range(controls))
    nodes = page.accessibility_tree()
    assert all(node["name"] for node in nodes if node["role"] in ("button", "link", "textbox", "region"))


def test_a_whole_visit_of_a_member(browser, site, tmp_path):
    user_id, home = site.members[1], site.home
    page = sign_in(browser.open(site.base_url + "/"), site, user_id)
    assert f"Member {user_id}" in text(page)
    newest = max(
        (row for row in home.truth(user_id)["recoveries"] if row["score_state"] == "SCORED"),
        key=lambda row: row["created_at"],
    )
    home.world.edit(
        user_id,
        "recoveries",
        newest["sleep_id"],
        {"score": {**newest["score"], "recovery_score": RESCORED}},
    )
    rescored = re.compile(rf"^{RESCORED}\s+%", re.MULTILINE)
    assert not rescored.search(text(page))
    home.advance(MINUTE)
    assert "Requested at" in text(press(page, "/me/read-now"))
    assert "0 % done" in text(press(page, "/me/force-sync"))
    home.advance(timedelta(hours=1))
    site.do_due_readings()
    shown = text(visit(page, site.base_url + "/me"))
    assert "done at" in shown
    assert ": finished." in shown
    assert rescored.search(shown)

    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.evaluate("void document.querySelector(\"form[action='/me/download'] button\").click()")
    downloaded = tmp_path / f"whoop-{user_id}.zip"
    wait_until(downloaded.exists, "the download")
    assert "daily_summary.csv" in zipfile.ZipFile(downloaded).namelist()

    home.world.grants.revoke(user_id)
    home.advance(timedelta(hours=2))
    press(page, "/me/read-now")
    home.load(TODAY, TODAY, members=[user_id])
    assert "Reconnection needed" in text(visit(page, site.base_url + "/me"))
    press(page, "/me/reconnect")
    page.evaluate(f"void (document.querySelector('select').value = '{user_id}')")
    click(page, "button[value=allow]")
    assert "Reconnection needed" not in text(page)

    click(page, "a[href='/me/disconnect']")
    assert "You are disconnected." in text(press(page, "/me/disconnect"))
    assert "Sign in with WHOOP" in text(visit(page, site.base_url + "/me"))

    sign_in(page, site, user_id)
    click(page, "a[href='/me/delete']")
    page.evaluate("void (document.getElementById('word').value = 'DELETE')")
    assert "Your data is deleted" in text(press(page, "/me/delete"))
    assert not any(key[0] == user_id for key in home.rows("daily_summary"))


def test_a_whole_visit_of_an_operator(browser, site):
    operator, other = site.members
    page = sign_in(browser.open(site.base_url + "/"), site, operator)
    click(page, "a[href='/team']")
    assert "The team this morning" in text(page)
    click(page, f"a[href='/team/{other}']")
    assert "You see this page as an operator" in text(page)
    click(page, "a[href='/team']")
    assert "shown only once" in text(press(page, "/team/invite"))
    assert "/connect/" in page.evaluate("document.getElementById('address').innerText")
