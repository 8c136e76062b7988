"""Fixtures: a running service with two connected members of a simulator, loaded days, and one clock."""

import html
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from whoop_assets.cli.processes.ports import free_port
from whoop_assets.members import invitations, sessions
from whoop_assets.summaries.dependents import rebuild_stale_trends
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.session import WhoopSession
from whoop_assets.web.api.rate_limits import ClientRateLimits
from whoop_assets.web.app import create_app
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets.web.server import ServiceServer
from whoop_assets_tests.planner.planning_loop import PlanningLoop
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import Home, at_home, frozen_world
from whoop_assets_tests.web.conftest import NO_CERTIFICATES

FIRST_DAY = TODAY - timedelta(days=40)
START_SECONDS = 60
ONE_DAY = timedelta(days=1)


class Browser:
    """A browser without JavaScript: it keeps cookies, follows redirects and submits forms."""

    def __init__(self, site: "Site") -> None:
        self.site = site
        self.http = httpx.Client(base_url=site.base_url, verify=NO_CERTIFICATES, timeout=60)
        self.page = ""
        self.status = 0

    def open(self, path: str) -> "Browser":
        return self._show(self.http.get(path, follow_redirects=False))

    def press(self, action: str, **fields: str) -> "Browser":
        """Submit the form with the action, with its hidden fields."""
        return self._show(self.http.post(action, data={**self.form(action), **fields}))

    def form(self, action: str) -> dict[str, str]:
        """Return the hidden fields of the first form with the action."""
        forms = re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', self.page, re.DOTALL)
        (content, *_) = [content for target, content in forms if target == action]
        found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', content)
        return {name: html.unescape(value) for name, value in found}

    def sign_in(self, user_id: int, decision: str = "allow") -> "Browser":
        """Sign in at WHOOP as the member."""
        self.open("/sign-in")
        return self.consent(self.location, user_id, decision)

    def consent(self, location: str, user_id: int, decision: str = "allow") -> "Browser":
        """Allow or deny on WHOOP's consent page, and follow the redirect."""
        back = urlsplit(self.site.home.simulator.consent(location, user_id, decision))
        return self._show(self.http.get(f"{back.path}?{back.query}"))

    def _show(self, response: httpx.Response) -> "Browser":
        self.location = ""
        if response.status_code == 303:
            self.location = response.headers["location"]
            if self.location.startswith("/"):
                return self._show(self.http.get(self.location))
        self.page, self.status, self.headers = response.text, response.status_code, response.headers
        return self

    @property
    def text(self) -> str:
        """Return the page's text without tags."""
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", self.page)))


@dataclass
class Site:
    """A running service and its data."""

    home: Home
    session: WhoopSession
    app: Starlette
    server: ServiceServer
    erased: list[int]
    browsers: list[Browser] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return self.server.base_url

    @property
    def members(self) -> list[int]:
        return self.home.members

    def browser(self, signed_in: int | None = None) -> Browser:
        """Open a browser that signs in at WHOOP as the member."""
        browser = Browser(self)
        self.browsers.append(browser)
        if signed_in is not None:
            browser.sign_in(signed_in)
            assert browser.status == 200, browser.text
        return browser

    def browser_with_session(self, user_id: int) -> Browser:
        """Open a browser with a session of the member, without signing in at WHOOP."""
        browser = self.browser()
        browser.http.cookies.set(SESSION_COOKIE, self.session_token(user_id))
        return browser

    def session_token(self, user_id: int) -> str:
        """Start a session of this member, and return the value of its cookie."""
        with self.home.database.write() as connection:
            return sessions.begin(connection, user_id, self.home.clock.now())

    def secrets_of_links(self, user_id: int) -> dict[str, str]:
        """Make a sign-in link of this member and an invitation; path pattern -> secret."""
        with self.home.database.write() as connection:
            now = self.home.clock.now()
            return {
                "/sign-in/{secret}": sessions.make_link(connection, user_id, now, timedelta(hours=1)),
                "/connect/{secret}": invitations.invite(connection, now, timedelta(hours=1)),
            }

    def do_due_readings(self) -> None:
        """Load the planned fetch tasks and build the summaries, as the daemon does."""
        loop = PlanningLoop(self.home, FIRST_DAY, "UTC")
        loop.carry_out(loop.plan())
        self.build(FIRST_DAY)

    def build(self, first: date) -> None:
        rebuild_days(self.home.database, self.members, first, TODAY + ONE_DAY)
        rebuild_trends(self.home)


def rebuild_trends(home: Home) -> None:
    from whoop_assets.records.stale_days import STALE_TRENDS

    with home.database.read() as connection:
        behind = STALE_TRENDS.generations(connection, home.members, date.min, date.max)
    rebuild_stale_trends(home.database, behind)


@contextmanager
def running_site(
    database_url: str,
    *,
    operators: tuple[int, ...] = (),
    members: int = 2,
    trusted_proxies: str = "",
    first: date = FIRST_DAY,
) -> Iterator[Site]:
    """Open a site with the days of its members from `first` to today loaded.

    The first member is an operator if `operators` is (0,).
    """
    world = frozen_world(members=members, days=(TODAY - first).days + 20)
    with at_home(database_url, world) as home:
        home.load(first, TODAY)
        port = free_port()
        settings = home.connection.settings.replace(
            redirect_uri=f"http://127.0.0.1:{port}/callback",
            start_date=first,
            operators=frozenset(home.members[place] for place in operators),
        )
        with WhoopSession(settings, home.database) as session:
            erased: list[int] = []

            def erase(user_id: int) -> bool:
                from whoop_assets.sync.members.connecting import disconnect_member

                erased.append(user_id)
                return disconnect_member(session, user_id, erase=True).revoked

            # The limits follow the site's clock, so that a slow machine refills nothing.
            limits = ClientRateLimits(lambda: home.clock.now().timestamp())
            ready = threading.Event()
            app = create_app(session, erase, limits)
            server = ServiceServer(
                app, "127.0.0.1", port, lambda _: ready.set(), trusted_proxies=trusted_proxies
            )
            thread = threading.Thread(target=server.serve_until_stopped, daemon=True)
            thread.start()
            assert ready.wait(START_SECONDS)
            site = Site(home, session, app, server, erased)
            site.build(first)
            yield site
            for browser in site.browsers:
                browser.http.close()
            server.should_exit = True
            thread.join(START_SECONDS)
            assert not thread.is_alive()


@pytest.fixture
def new_site(database_url: str) -> Iterator[Callable[..., Site]]:
    from contextlib import ExitStack

    with ExitStack() as cleanup:
        yield lambda **options: cleanup.enter_context(running_site(database_url, **options))


@pytest.fixture
def first_day() -> date:
    """The first day that `site` has loaded. A module whose tests need few days overrides this fixture."""
    return FIRST_DAY


@pytest.fixture
def site(new_site: Callable[..., Site], first_day: date) -> Site:
    """Two members; the first is an operator."""
    return new_site(operators=(0,), first=first_day)
