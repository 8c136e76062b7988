"""A member's page and its buttons, as a browser without JavaScript sees them."""

import csv
import io
import zipfile
from datetime import timedelta

from sqlalchemy import update

from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.members.tables import members
from whoop_assets.planner.forced import MIN_FORCE_INTERVAL
from whoop_assets.sync.members import membership
from whoop_assets.web.api.queries import STALE_WITH
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.web.pages.conftest import Site

MINUTE = timedelta(minutes=1)


def status(site: Site, user_id: int) -> str | None:
    with site.home.database.read() as connection:
        return member_store.status(connection, user_id)


def test_a_member_signs_in_at_whoop_and_sees_today(site: Site) -> None:
    browser = site.browser()
    assert "Sign in with WHOOP" in browser.open("/").text
    browser.sign_in(site.members[0])
    assert browser.status == 200
    newest = max(key for key in site.home.rows("daily_summary") if key[0] == site.members[0])
    score = site.home.rows("daily_summary")[newest]["recovery_score"]
    assert f"Recovery {score:.0f} %" in browser.text
    assert "Connected" in browser.text
    assert "All permissions are granted." in browser.text
    assert browser.open("/").text.startswith(f" Member {site.members[0]}")


def test_pages_have_a_strict_policy_and_no_script(site: Site) -> None:
    browser = site.browser(site.members[0])
    for path in ("/", "/me", "/me/disconnect", "/me/delete", "/team"):
        browser.open(path)
        policy = browser.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in browser.page
        assert browser.headers["cache-control"] == "no-store"
        assert "http-equiv" not in browser.page


def test_the_session_cookie_is_not_readable_by_scripts_and_lasts_thirty_days(site: Site) -> None:
    browser = site.browser(site.members[0])
    (cookie,) = [cookie for cookie in browser.http.cookies.jar if cookie.name == "whoop_session"]
    assert cookie.has_nonstandard_attr("HttpOnly")
    with site.home.database.read() as connection:
        (session,) = sessions.listed(connection, site.home.clock.now(), site.members[0])
    assert session.expires_at - session.made_at == timedelta(days=30)
    site.home.advance(timedelta(days=30))
    assert "Sign in with WHOOP" in browser.open("/me").text


def test_read_now_shows_when_it_is_due_and_brings_the_new_value(site: Site) -> None:
    user_id, home = site.members[0], site.home
    browser = site.browser(user_id).open("/me")
    recovery = max(
        (row for row in home.rows("recoveries").values() if row["user_id"] == user_id),
        key=lambda row: row["day"],
    )
    new_score = 2.0
    truth = next(
        record for record in home.truth(user_id)["recoveries"] if record["sleep_id"] == recovery["sleep_id"]
    )
    home.world.edit(
        user_id,
        "recoveries",
        recovery["sleep_id"],
        {"score": {**truth["score"], "recovery_score": new_score}},
    )
    home.advance(MINUTE)
    assert f" {new_score:.0f} % " not in browser.press("/me/read-now").text
    assert "Requested at" in browser.text
    assert "done at" not in browser.text
    home.advance(timedelta(hours=1) - MINUTE)
    site.do_due_readings()
    assert f" {new_score:.0f} % " in browser.open("/me").text
    assert "done at" in browser.text


def test_opening_the_page_with_an_old_recovery_requests_a_reading(site: Site) -> None:
    browser = site.browser_with_session(site.members[0])
    site.home.advance(STALE_WITH)
    browser.open("/me")
    # The request is written after the response: the next page waits for nothing else.
    for _ in range(100):
        if site.home.rows("asked_readings"):
            break
        browser.open("/me")
    assert set(site.home.rows("asked_readings")) == {site.members[0]}


def test_force_sync_reads_the_months_again_and_shows_progress(site: Site) -> None:
    browser = site.browser_with_session(site.members[0]).open("/me")
    site.home.advance(MINUTE)
    browser.press("/me/force-sync")
    assert "0 % done" in browser.text
    site.home.advance(MINUTE)
    requests = site.home.world.requests
    site.do_due_readings()
    assert site.home.world.requests - requests >= 6
    assert ": finished." in browser.open("/me").text
    requests = site.home.world.requests
    site.home.advance(MINUTE)
    site.do_due_readings()
    assert site.home.world.requests == requests


def test_a_forced_reading_ends_without_the_streams_whose_scope_is_missing(site: Site) -> None:
    user_id = site.members[0]
    with site.home.database.write() as connection:
        (member,) = member_store.chosen(connection, [user_id])
        scopes = " ".join(sorted(member.scopes - {"read:workout"}))
        connection.execute(update(members).where(members.c.user_id == user_id).values(scopes=scopes))
    browser = site.browser_with_session(user_id).open("/me")
    site.home.advance(MINUTE)
    browser.press("/me/force-sync")
    site.home.advance(MINUTE)
    site.do_due_readings()
    assert ": finished." in browser.open("/me").text


def test_forcing_again_within_the_hour_changes_nothing(site: Site) -> None:
    browser = site.browser_with_session(site.members[0]).open("/me")
    browser.press("/me/force-sync")
    first = site.home.rows("forced_readings")
    site.home.advance(MIN_FORCE_INTERVAL - MINUTE)
    browser.press("/me/force-sync")
    assert site.home.rows("forced_readings") == first


def test_a_grant_revoked_at_whoop_shows_reconnection_needed_and_signing_in_mends_it(site: Site) -> None:
    user_id = site.members[0]
    browser = site.browser(user_id)
    site.home.world.grants.revoke(user_id)
    site.home.advance(MINUTE)
    browser.open("/me").press("/me/read-now")
    site.home.load(TODAY, TODAY, members=[user_id])
    assert status(site, user_id) == member_store.RECONNECTION_NEEDED
    browser.open("/me")
    assert "Reconnection needed" in browser.text
    browser.press("/me/reconnect")
    browser.consent(browser.location, user_id)
    assert status(site, user_id) == member_store.CONNECTED
    assert "Connected" in browser.open("/me").text
    with site.home.database.read() as connection:
        assert len(sessions.listed(connection, site.home.clock.now(), user_id)) == 1


def test_the_download_has_a_csv_of_every_table_with_the_members_rows_alone(site: Site) -> None:
    user_id, other = site.members
    browser = site.browser(user_id).open("/me")
    response = browser.http.post("/me/download", data=browser.form("/me/download"))
    assert response.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    names = set(archive.namelist())
    assert {"cycles.csv", "daily_summary.csv", "members.csv", "page_actions.csv"} <= names
    assert not names & {"tokens.csv", "member_sessions.csv"}
    rows = list(csv.DictReader(io.StringIO(archive.read("daily_summary.csv").decode())))
    stored = [row for key, row in site.home.rows("daily_summary").items() if key[0] == user_id]
    assert len(rows) == len(stored)
    for name in names:
        for row in csv.DictReader(io.StringIO(archive.read(name).decode())):
            assert row["user_id"] == str(user_id)
    assert str(other).encode() not in response.content


def test_disconnecting_ends_every_session_and_keeps_the_data(site: Site) -> None:
    user_id = site.members[1]
    first, second = site.browser(user_id), site.browser_with_session(user_id)
    first.open("/me/disconnect").press("/me/disconnect")
    assert "You are disconnected." in first.text
    assert status(site, user_id) == member_store.DISCONNECTED
    assert not site.home.world.grants.live(user_id, site.home.world.now())
    for browser in (first, second):
        assert "Sign in with WHOOP" in browser.open("/me").text
    assert any(key[0] == user_id for key in site.home.rows("daily_summary"))


def test_deleting_needs_the_typed_word_and_leaves_nothing(site: Site) -> None:
    user_id, other = site.members[1], site.members[0]
    browser = site.browser(user_id).open("/me/delete")
    browser.press("/me/delete", word="delete me")
    assert browser.status == 400
    assert "type the word" in browser.text
    assert site.erased == []
    browser.open("/me/delete").press("/me/delete", word="DELETE")
    assert "Your data is deleted" in browser.text
    assert site.erased == [user_id]
    for table in ("daily_summary", "cycles", "members", "member_sessions", "page_actions", "tokens"):
        owners = {row["user_id"] for row in site.home.rows(table, deleted=True).values()}
        assert user_id not in owners
    assert other in {row["user_id"] for row in site.home.rows("members").values()}
    assert "Sign in with WHOOP" in browser.open("/me").text


def test_a_member_ends_the_session_of_another_device(site: Site) -> None:
    user_id = site.members[0]
    here, there = site.browser_with_session(user_id), site.browser_with_session(user_id)
    here.open("/me")
    with site.home.database.read() as connection:
        newest, _ = sessions.listed(connection, site.home.clock.now(), user_id)
    here.press("/sign-out", session=str(newest.id))
    assert "Sign in with WHOOP" in there.open("/me").text
    assert here.open("/me").text.startswith(f" Member {user_id}")
    here.press("/sign-out")
    assert "Sign in with WHOOP" in here.open("/me").text


def test_a_member_from_an_export_signs_in_with_a_one_time_link(site: Site) -> None:
    with site.home.database.write() as connection:
        now = site.home.clock.now()
        exported = membership.add_export_only(connection, now)
        secret = sessions.make_link(connection, exported, now, timedelta(hours=1))
    browser = site.browser().open(f"/sign-in/{secret}")
    # Opening the link alone, as a mail scanner does, uses nothing up.
    browser.open(f"/sign-in/{secret}").press(f"/sign-in/{secret}")
    assert f"Member {exported}" in browser.text
    assert "export of the WHOOP app" in browser.text
    again = site.browser().open(f"/sign-in/{secret}")
    again.press(f"/sign-in/{secret}")
    assert (again.status, "no longer valid" in again.text) == (404, True)
    browser.open("/me/delete").press("/me/delete", word="DELETE")
    assert "Your data is deleted" in browser.text


def test_the_card_names_what_a_missing_scope_costs(site: Site) -> None:
    user_id = site.members[0]
    site.home.connect(user_id, ["offline", "read:profile", "read:cycles", "read:sleep"])
    text = site.browser_with_session(user_id).open("/me").text
    assert "Not granted: recovery score" in text
    assert "Not granted: workouts" in text
    assert "Not granted: sleeps" not in text
