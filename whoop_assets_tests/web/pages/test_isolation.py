"""No response to one member's session contains a value of another member."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets_tests.web.pages.conftest import Site, running_site

PATHS = [
    "/",
    "/me",
    "/me/disconnect",
    "/me/delete",
    "/team",
    "/team/{id}",
    "/static/pages.css",
    "/static/{id}",
]
BUTTONS = ["/me/read-now", "/me/download", "/sign-out", "/team/invite", "/team/{id}"]


@pytest.fixture
def planted(sqlite_url: str):
    """Two members, none an operator; the second one's rows hold a number that occurs nowhere else."""
    with running_site(sqlite_url) as site:
        yield site


def values_of(site: Site, user_id: int) -> set[str]:
    """Texts that only this member's data contains: ids and exact values."""
    rows = {
        name: [row for row in site.home.rows(name).values() if row["user_id"] == user_id]
        for name in ("cycles", "sleeps", "workouts")
    }
    ids = {str(row["id"]) for found in rows.values() for row in found}
    return {str(user_id), *ids}


@given(
    path=st.sampled_from(PATHS),
    extra=st.sampled_from(
        ["", "?user_id={id}", "?member={id}", "?session=1", "/{id}", "/../{id}", "/%2e%2e/team/{id}"]
    ),
    button=st.none() | st.sampled_from(BUTTONS),
    field=st.sampled_from(["user_id", "member", "session", "id", "form"]),
)
@settings(max_examples=60)
def test_no_address_and_no_form_reaches_another_member(planted: Site, path, extra, button, field) -> None:
    site = planted
    mine, other = site.members
    browser = site.browser_with_session(mine).open("/me")
    others_session = site.browser_with_session(other)
    if button is None:
        response = browser.http.get((path + extra).format(id=other))
    else:
        fields = {**browser.form("/me/read-now"), field: str(other)}
        response = browser.http.post(button.format(id=other), data=fields)
    shown = response.content.decode(errors="replace")
    echoed = {str(other)} if str(other) in str(response.request.url) else set()
    for value in values_of(site, other) - echoed:
        assert value not in shown
    assert others_session.open("/me").text.startswith(f" Member {other}")
    assert other not in site.home.rows("asked_readings")


@pytest.mark.parametrize("path", ["/me", "/team", "/team/1", "/me/delete", "/me/disconnect"])
def test_without_a_session_nothing_about_anyone_is_shown(planted: Site, path: str) -> None:
    browser = planted.browser().open(path)
    assert "Sign in with WHOOP" in browser.text
    for user_id in planted.members:
        assert str(user_id) not in browser.page
