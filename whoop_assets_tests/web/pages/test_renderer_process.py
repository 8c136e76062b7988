"""The process that renders pages: the same pages, refusals and failures as in the service, and its end."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import text

from whoop_assets.db.database import Database
from whoop_assets.errors import DatabaseError
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.settings import Settings
from whoop_assets.web.pages.member_view import show_member
from whoop_assets.web.pages.renderer_process import RendererProcess, RendererStopped
from whoop_assets.web.pages.rendering import PageRefused, PageRenderer, RenderingFailed, Visitor
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets.web.pages.team import show_team
from whoop_assets_tests.support.data.daily_rows import daily_row, store
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_assets_tests.support.waiting import wait_until
from whoop_assets_tests.web.conftest import MEMBER
from whoop_assets_tests.web.test_kill import service_process

pytestmark = pytest.mark.slow

NO_PROFILE: dict[str, str | None] = {"email": None, "first_name": None, "last_name": None}
FORM_NUMBER = re.compile(r'name="form" value="[^"]+"')


@pytest.fixture
def renderer(database_url: str) -> Iterator[RendererProcess]:
    process = RendererProcess(Settings(database_url=database_url))
    yield process
    process.close()


@pytest.fixture
def visitor(database: Database) -> Visitor:
    """A signed-in operator with forty days."""
    with database.write() as connection:
        member_store.connect(connection, MEMBER, ["offline", "read:cycles"], NO_PROFILE, NOW)
        token = sessions.begin(connection, MEMBER, NOW)
        session = sessions.find(connection, token, NOW)
    assert session is not None
    store(database, [daily_row(MEMBER, TODAY - timedelta(days=back)) for back in range(40)])
    return Visitor(session, token, is_operator=True)


def test_the_process_renders_the_same_pages_as_the_service(
    database: Database, database_url: str, renderer: RendererProcess, visitor: Visitor
) -> None:
    in_service = PageRenderer(Settings(database_url=database_url), database)
    for view, arguments in ((show_member, (visitor, MEMBER)), (show_team, (visitor,))):
        here, there = view(in_service, *arguments), renderer.render(view, *arguments)
        assert FORM_NUMBER.sub("", there) == FORM_NUMBER.sub("", here)
        assert str(MEMBER) in there


def test_refusals_and_failures_arrive_as_they_are_raised(
    database: Database, renderer: RendererProcess, visitor: Visitor
) -> None:
    with pytest.raises(PageRefused) as refused:
        renderer.render(show_member, visitor, MEMBER + 1)
    assert refused.value.status == 404
    with pytest.raises(RenderingFailed) as failed:
        renderer.render(show_member)  # without its arguments
    assert failed.value.kind == "TypeError"
    with database.write() as connection:
        connection.execute(text("alter table daily_summary rename to elsewhere"))
    with pytest.raises(DatabaseError):
        renderer.render(show_member, visitor, MEMBER)


def test_after_the_process_is_killed_the_next_page_starts_a_new_one(
    renderer: RendererProcess, visitor: Visitor
) -> None:
    assert renderer.pid is None
    renderer.render(show_member, visitor, MEMBER)
    first = renderer.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(RendererStopped, match="the next page starts a new one"):
        renderer.render(show_member, visitor, MEMBER)
    assert str(MEMBER) in renderer.render(show_member, visitor, MEMBER)
    assert renderer.pid not in (None, first)
    renderer.close()
    assert renderer.pid is None


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_with_the_service(
    database_url: str, database: Database, visitor: Visitor, sent: signal.Signals
) -> None:
    with service_process(database_url) as (service, address):
        parts = urlsplit(address)
        cookie = {"Cookie": f"{SESSION_COOKIE}={visitor.token}"}
        url = f"{parts.scheme}://{parts.netloc}/me"
        page = httpx.get(url, headers=cookie, verify=NO_CERTIFICATES, timeout=60)
        assert page.status_code == 200
        assert f"Member {MEMBER}" in page.text
        renderers = children_of(service.pid)
        assert len(renderers) == 1
        service.send_signal(sent)
        service.wait(60)
        wait_until(lambda: not any(map(is_running, renderers)), "the end of the process")


def children_of(pid: int) -> set[int]:
    """Return the process's children, which any of its threads can have started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for children in lists for child in children.read_text().split()}


def is_running(pid: int) -> bool:
    """Return whether the process exists and is no zombie, which has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False
