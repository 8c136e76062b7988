"""No response to one member's session contains a value of another member, and no request changes one."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Float, Integer, update

from whoop_assets.members import sessions
from whoop_assets.members.tables import members
from whoop_assets.schema import metadata
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets_tests.web.pages.conftest import OpenHome, Site, running_site
from whoop_assets_tests.web.routes import filled, routes_of

FIRST_NUMBER = 7_654_321
"""The planted numbers count up from here. They are so large that no page contains one by chance."""
NAMES = {"email": "qzx@planted.example", "first_name": "Qzxplanted", "last_name": "Zqxplanted"}


@pytest.fixture
def database_kind() -> str:
    """SQLite alone: these tests are about the pages, not about SQL."""
    return "sqlite"


@pytest.fixture
def planted(open_home: OpenHome) -> Iterator[Site]:
    """Two members, none an operator; the second one's newest rows hold numbers that occur nowhere else."""
    with running_site(open_home) as site:
        other = site.members[1]
        numbers = [
            column.name
            for column in daily_summary.columns
            if isinstance(column.type, (Integer, Float))
            and not column.primary_key
            and column.name not in ("cycle_count", "recovery_score")
        ]
        planted = {name: FIRST_NUMBER + place for place, name in enumerate(numbers)}
        with site.home.database.write() as connection:
            own = daily_summary.c.user_id == other
            connection.execute(update(daily_summary).where(own).values(planted))
            connection.execute(update(members).where(members.c.user_id == other).values(NAMES))
        yield site


def values_of(site: Site, user_id: int) -> set[str]:
    """Texts that only this member's data contains: ids, names and numbers."""
    ids = {
        str(row["id"])
        for name in ("cycles", "sleeps", "workouts")
        for row in site.home.rows(name).values()
        if row["user_id"] == user_id
    }
    numbers = {str(FIRST_NUMBER + place) for place in range(len(daily_summary.columns))}
    return {str(user_id), *ids, *numbers, *NAMES.values()}


def rows_of(site: Site, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """All rows that name this member."""
    return {
        table.name: [
            row for row in site.home.rows(table.name, deleted=True).values() if row["user_id"] == user_id
        ]
        for table in metadata.sorted_tables
        if "user_id" in table.c
    }


def test_the_planted_values_are_on_the_page_of_their_member(planted: Site) -> None:
    """So that the next test can fail."""
    other = planted.members[1]
    browser = planted.browser_with_session(other).open("/me")
    assert sum(value in browser.page for value in values_of(planted, other)) >= 4
    download = browser.http.post("/me/download", data=browser.form("/me/download"))
    assert download.content.startswith(b"PK")


@given(
    extra=st.sampled_from(
        ["", "?user_id={id}", "?member={id}", "?session={session}", "/{id}", "/../{id}", "/%2e%2e/team/{id}"]
    ),
    field=st.sampled_from(["user_id", "member", "session", "id", "form"]),
)
@settings(max_examples=10)
def test_no_address_and_no_form_reaches_another_member(planted: Site, extra: str, field: str) -> None:
    """Every route of the application, with the other member's ids in every place."""
    site = planted
    mine, other = site.members
    others_browser = site.browser_with_session(other)
    site.home.advance(60)  # refills the rate limits
    with site.home.database.read() as connection:
        others_session = sessions.listed(connection, site.home.clock.now(), other)[0].id
    ids = {"id": str(other), "session": str(others_session)}
    path_values = {"user_id": str(other), "name": str(other), "secret": str(other)}
    forbidden, before = values_of(site, other), rows_of(site, other)
    for method, path in routes_of(site.app):
        token = site.session_token(mine)
        fields = {
            "csrf": sessions.form_token(token),
            "form": f"{extra}{field}",
            field: ids.get(field, str(other)),
        }
        browser = site.browser()
        browser.http.cookies.set(SESSION_COOKIE, token)
        response = browser.http.request(
            method, filled(path, path_values) + extra.format(**ids), data=fields if method == "POST" else None
        )
        # A link's page has the link's own address.
        echoed = {str(other)} if response.request.url.path.startswith("/sign-in/") else set()
        shown = response.content.decode(errors="replace") + str(response.headers)
        assert [value for value in forbidden - echoed if value in shown] == [], (method, path)
    assert rows_of(site, other) == before
    assert others_browser.open("/me").text.startswith(f" Member {other}")


def test_a_form_with_another_members_id_deletes_its_own_member_alone(planted: Site) -> None:
    mine, other = planted.members
    before = rows_of(planted, other)
    browser = planted.browser_with_session(mine).open("/me/delete")
    browser.press("/me/delete", word="DELETE", user_id=str(other), member=str(other), id=str(other))
    assert planted.erased == [mine]
    assert rows_of(planted, other) == before


def test_without_a_session_nothing_about_anyone_is_shown(planted: Site) -> None:
    mine, other = planted.members
    links = planted.secrets_of_links(mine)
    for method, path in routes_of(planted.app):
        values = {"user_id": str(other), "name": "pages.css", "secret": links.get(path, "none")}
        response = planted.browser().http.request(method, filled(path, values))
        shown = response.content.decode(errors="replace") + str(response.headers)
        found = [value for value in values_of(planted, mine) | values_of(planted, other) if value in shown]
        assert found == [], (method, path)
    for path in ("/me", "/team", "/team/1", "/me/delete"):
        assert "Sign in with WHOOP" in planted.browser().open(path).text
