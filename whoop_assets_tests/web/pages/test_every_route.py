"""What holds for every route of the service: tokens, headers, cookies, escaping."""

import hashlib
import re
import secrets
from datetime import date, timedelta
from http.cookies import SimpleCookie
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import String, update

from whoop_assets.members import sessions
from whoop_assets.members.tables import members
from whoop_assets.schema import metadata
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary
from whoop_assets.web.pages.service import SESSION_COOKIE
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_assets_tests.web.pages.conftest import Site
from whoop_assets_tests.web.routes import filled, routes_of

CHANGED_BY_BUTTONS = (
    "members",
    "tokens",
    "asked_readings",
    "forced_readings",
    "invitations",
    "page_actions",
    "member_sessions",
    "sign_in_links",
    "sign_in_attempts",
    "webhook_events",
)
LINK_PATHS = ("/sign-in/{secret}", "/connect/{secret}")
MARK = "<b id=planted>&quot;'"


@pytest.fixture
def first_day() -> date:
    """A few days suffice, because these tests are about forms and sessions."""
    return TODAY - timedelta(days=3)


def requests_to(site: Site, method: str, path: str, token: str = "") -> httpx.Response:
    """Send the request that a person would: with the session's form fields, and a link's real secret."""
    user_id = site.members[1]
    values = {"user_id": str(user_id), "name": "pages.css", "secret": "none"}
    if path in LINK_PATHS:
        values["secret"] = site.secrets_of_links(user_id)[path]
    fields = (
        {"csrf": sessions.form_token(token), "form": secrets.token_urlsafe(16)} if method == "POST" else None
    )
    return httpx.request(
        method,
        site.base_url + filled(path, values),
        data=fields,
        headers={"Host": "evil.example", **({"Cookie": f"{SESSION_COOKIE}={token}"} if token else {})},
        verify=NO_CERTIFICATES,
        timeout=60,
    )


def answers(site: Site) -> list[tuple[str, httpx.Response]]:
    """Request every route without a session, as a member, and as the operator."""
    found = []
    for user_id in (None, site.members[1], site.members[0]):
        for method, path in routes_of(site.app):
            site.home.advance(60)  # refills the rate limits
            token = "" if user_id is None else site.session_token(user_id)
            found.append((f"{method} {path} as {user_id}", requests_to(site, method, path, token)))
    return found


def test_every_post_without_the_sessions_own_token_is_refused_and_changes_nothing(site: Site) -> None:
    mine, other = site.members
    token, foreign = site.session_token(mine), sessions.form_token(site.session_token(other))
    good = sessions.form_token(token)
    links = site.secrets_of_links(mine)
    posts = [path for _, path in routes_of(site.app, "POST")]
    assert len(posts) >= 10
    before = {table: site.home.rows(table) for table in CHANGED_BY_BUTTONS}
    for path in posts:
        url = site.base_url + filled(path, {"secret": links.get(path, "")})

        def refused(cookie: str, url: str = url, path: str = path, json: bool = False, **fields: str) -> None:
            given = {"word": "DELETE", "form": "a-new-form", **fields}
            response = httpx.post(
                url,
                **{"json" if json else "data": given},  # type: ignore[arg-type]
                headers={"Cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else {},
                verify=NO_CERTIFICATES,
                timeout=60,
            )
            assert response.status_code in (400, 401, 403), (path, fields)

        refused(token)
        for csrf in ("", foreign, good[:-1], "é" * 64, sessions.form_token("")):
            refused(token, csrf=csrf)
        refused(token, json=True, csrf=good)
        refused("", csrf=good)
    assert {table: site.home.rows(table) for table in CHANGED_BY_BUTTONS} == before


def test_no_answer_uses_the_host_header_or_shows_a_bug(site: Site) -> None:
    for request, response in answers(site):
        assert response.status_code < 500, request
        assert "evil.example" not in response.text + str(response.headers), request


def test_every_page_has_a_strict_policy_no_script_and_is_not_stored(site: Site) -> None:
    pages = set()
    for request, response in answers(site):
        if response.headers.get("content-type", "").startswith("text/html"):
            pages.add(request.partition(" as ")[0])
            policy = response.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'self';"), request
            assert "frame-ancestors 'none'" in policy
            assert response.headers["cache-control"] == "no-store", request
            assert response.headers["x-content-type-options"] == "nosniff", request
            assert response.headers["referrer-policy"] == "no-referrer", request
            assert not re.search(r"<script|\son\w+=|http-equiv|javascript:", response.text), request
        elif response.is_redirect or "attachment" in response.headers.get("content-disposition", ""):
            assert response.headers["cache-control"] == "no-store", request
    assert {"GET /", "GET /me", "GET /team", "GET /team/{user_id}", "POST /team/invite"} <= pages


def test_every_cookie_is_hidden_from_scripts_and_other_sites(site: Site) -> None:
    names = set()
    for _, response in answers(site):
        for header in response.headers.get_list("set-cookie"):
            ((name, cookie),) = SimpleCookie(header).items()
            names.add(name)
            assert cookie["httponly"]
            assert cookie["samesite"] == "lax"
            assert cookie["path"] == "/"
    assert names == {SESSION_COOKIE, "whoop_connect", "whoop_form"}


def test_no_redirect_leaves_the_pages_except_to_whoop(site: Site) -> None:
    allowed = (site.home.simulator.oauth_url + "/auth?", "/")
    targets = [response.headers["location"] for _, response in answers(site) if response.is_redirect]
    assert len(targets) >= 10
    for target in targets:
        assert target.startswith(allowed)
        assert not target.startswith("//")


def test_every_text_of_the_database_is_escaped(site: Site) -> None:
    """WHOOP, an export and a profile can contain any text: names, sports, versions, journal questions."""
    with site.home.database.write() as connection:
        for table in (members, daily_summary, trends, weekly_summary):
            keys = {*table.primary_key.columns.keys(), "status", "scopes", "timezone_offset", "recovery_band"}
            texts = [
                column.name
                for column in table.columns
                if isinstance(column.type, String)
                and column.name not in keys
                and len(MARK) <= (column.type.length or len(MARK))
            ]
            if texts:
                connection.execute(update(table).values(dict.fromkeys(texts, MARK)))
    for request, response in answers(site):
        if response.headers.get("content-type", "").startswith("text/html"):
            assert "<b id=planted" not in response.text, request


def test_the_database_has_only_hashes_of_tokens_links_and_states(site: Site) -> None:
    browser = site.browser().open("/sign-in")
    user_id = site.members[0]
    secrets_given = {
        site.session_token(user_id),
        *site.secrets_of_links(user_id).values(),
        parse_qs(urlsplit(browser.location).query)["state"][0],
        site.browser_with_session(user_id).open("/me").form("/me/read-now")["csrf"],
    }
    stored = "".join(str(list(site.home.rows(table.name).values())) for table in metadata.sorted_tables)
    assert hashlib.sha256(browser.http.cookies["whoop_connect"].encode()).hexdigest() in stored
    assert [secret for secret in secrets_given if secret in stored] == []


def test_no_template_has_a_text_of_its_own() -> None:
    """So that a translation is one file."""
    templates = sorted((Path(str(files("whoop_assets.web.pages"))) / "templates").glob("*.html"))
    assert len(templates) >= 8
    for template in templates:
        without_code = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", template.read_text(), flags=re.DOTALL)
        texts = re.sub(r"<[^>]*>", "", without_code) + "".join(
            re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', without_code)
        )
        assert not re.search(r"\w", texts), (template.name, texts.split())


def test_no_log_line_has_a_token_or_a_name(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "whoop_assets")
    token = site.session_token(site.members[0])
    for method, path in routes_of(site.app):
        site.home.advance(60)
        requests_to(site, method, path, token)
    profiles = site.home.rows("members").values()
    names = {row[name] for row in profiles for name in ("email", "first_name", "last_name")} - {None}
    assert names
    for secret in (token, *names):
        assert secret not in caplog.text
