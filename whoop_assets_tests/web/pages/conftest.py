"""Fixtures: a running service with two connected members of a simulator, loaded days, and one clock."""

import html
import itertools
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from whoop_assets.cli.processes.ports import free_port
from whoop_assets.members import invitations, sessions
from whoop_assets.summaries.rebuild import rebuild_days, rebuild_stale_trends
from whoop_assets.sync.session import WhoopSession
from whoop_assets.web.api.rate_limits import ClientRateLimits
from whoop_assets.web.app import create_app
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets.web.server import ServiceServer
from whoop_assets_tests.planner.planning_loop import PlanningLoop
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import Home, at_home, frozen_world
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_assets_tests.support.servers.postgres import Server
from whoop_simulator.world.world import World

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


@dataclass(frozen=True)
class SiteTemplate:
    """A closed site. Each test gets a copy of its folder and database."""

    folder: Path
    database: str
    """The name of the PostgreSQL database; the SQLite file is in the folder."""
    now: datetime


STATE_FILE, SQLITE_FILE = "simulator.json", "whoop.db"
OpenHome = Callable[[date], AbstractContextManager[Home]]


def site_world(folder: Path, first: date) -> World:
    """Create a world of two members. It keeps their grants in the folder, and restores them from there."""
    return frozen_world(members=2, days=(TODAY - first).days + 20, state=folder / STATE_FILE)


@pytest.fixture(scope="session")
def site_templates() -> dict[tuple[str, date], SiteTemplate]:
    """Databases with loaded days: (kind of database, first day) -> template."""
    return {}


@pytest.fixture
def open_home(
    request: pytest.FixtureRequest,
    database_kind: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    site_templates: dict[tuple[str, date], SiteTemplate],
) -> Iterator[OpenHome]:
    """Open homes with loaded and summarised days, from the given day to today.

    Loading takes longer than most tests, so a worker loads once, and each test gets a copy.
    """
    with ExitStack() as cleanup:

        def create(name: str, folder: Path, template: str = "whoop_template") -> str:
            if database_kind == "sqlite":
                return f"sqlite:///{folder / SQLITE_FILE}"
            server: Server = request.getfixturevalue("postgres_server")
            return server.create(name, template=template)

        def make_template(first: date) -> SiteTemplate:
            folder = tmp_path_factory.mktemp("site")
            name = f"site_{first:%Y%m%d}"
            with at_home(create(name, folder), site_world(folder, first)) as home:
                home.load(first, TODAY)
                rebuild_days(home.database, home.members, first, TODAY + ONE_DAY)
                rebuild_trends(home)
                return SiteTemplate(folder, name, home.clock.now())

        @contextmanager
        def open_copy(first: date) -> Iterator[Home]:
            key = (database_kind, first)
            template = site_templates.get(key) or site_templates.setdefault(key, make_template(first))
            number = next(NUMBERS)
            folder, name = tmp_path / f"site{number}", f"site_copy_{number}"
            shutil.copytree(template.folder, folder)
            url = create(name, folder, template.database)
            if database_kind == "postgresql":
                cleanup.callback(request.getfixturevalue("postgres_server").drop, name)
            with at_home(url, site_world(folder, first), now=template.now, connect=False) as home:
                home.members.extend(home.world.user_ids)
                yield home

        yield open_copy


NUMBERS = itertools.count(1)


@contextmanager
def running_site(
    open_home: OpenHome,
    *,
    operators: tuple[int, ...] = (),
    trusted_proxies: str = "",
    first: date = FIRST_DAY,
    limits_clock: Callable[[], float] | None = None,
) -> Iterator[Site]:
    """Open a site with the days of its two members from `first` to today loaded.

    The first member is an operator if `operators` is (0,).
    """
    with open_home(first) as home:
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

            # By default the limits follow the site's clock, so that a slow machine refills nothing.
            limits = ClientRateLimits(limits_clock or (lambda: home.clock.now().timestamp()))
            ready = threading.Event()
            app = create_app(session, erase, limits)
            server = ServiceServer(
                app, "127.0.0.1", port, lambda _: ready.set(), trusted_proxies=trusted_proxies
            )
            thread = threading.Thread(target=server.serve_until_stopped, daemon=True)
            thread.start()
            assert ready.wait(START_SECONDS)
            site = Site(home, session, app, server, erased)
            yield site
            for browser in site.browsers:
                browser.http.close()
            server.should_exit = True
            thread.join(START_SECONDS)
            assert not thread.is_alive()


@pytest.fixture
def new_site(open_home: OpenHome) -> Iterator[Callable[..., Site]]:
    with ExitStack() as cleanup:
        yield lambda **options: cleanup.enter_context(running_site(open_home, **options))


@pytest.fixture
def first_day() -> date:
    """The first day that `site` has loaded. A module whose tests need few days overrides this fixture."""
    return FIRST_DAY


@pytest.fixture
def site(new_site: Callable[..., Site], first_day: date) -> Site:
    """Two members; the first is an operator."""
    return new_site(operators=(0,), first=first_day)
