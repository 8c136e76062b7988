"""The team page, for operators only."""

import re
from datetime import timedelta

import pytest

from whoop_assets.members import store as member_store
from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.sync.members import membership
from whoop_assets.web.pages.queries import TeamMember
from whoop_assets.web.pages.team import team_row
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.web.pages.conftest import Site

ONE_DAY = timedelta(days=1)
GOOD = {
    "recovery_score": 80.0,
    "recovery_band": "green",
    "hrv_rmssd_milli": 60.0,
    "resting_heart_rate": 50.0,
    "sleep_duration_minutes": 480.0,
    "sleep_needed_minutes": 480.0,
    "ln_hrv_rmssd_usual_mean_28": 4.1,
    "ln_hrv_rmssd_usual_sd_28": 0.1,
    "resting_heart_rate_usual_mean_28": 50.0,
    "resting_heart_rate_usual_sd_28": 2.0,
    "training_load_ratio_7_21": 1.0,
}


def morning(status: str = member_store.CONNECTED, **changes: object) -> TeamMember:
    values = {**GOOD, **changes}
    return TeamMember(1, status, ReportDay(TODAY, values, values), None, NOW - timedelta(hours=3))


def test_an_operator_sees_every_member_and_opens_a_members_page(site: Site) -> None:
    operator, other = site.members
    browser = site.browser(operator).open("/team")
    assert browser.status == 200
    assert {int(user_id) for user_id in re.findall(r'href="/team/(-?\d+)"', browser.page)} == {
        operator,
        other,
    }
    assert "Load ratio: average load of the last 7 days / that of the 21 days before" in browser.text
    assert "above 1.5 it is listed" in browser.text
    browser.open(f"/team/{other}")
    assert browser.text.startswith(f" Member {other}")
    assert '<form method="post" action="/me/' not in browser.page
    viewed = [row for row in site.home.rows("page_actions").values() if row["action"] == "viewed"]
    assert [(row["user_id"], row["actor"]) for row in viewed] == [(other, "operator")]


@pytest.mark.parametrize("path", ["/team", "/team/1", "/team/0", "/team/x", "/team/99999999999999999999"])
def test_the_team_does_not_exist_for_other_members(site: Site, path: str) -> None:
    browser = site.browser_with_session(site.members[1])
    assert browser.open(path).status == 404
    assert str(site.members[0]) not in browser.page
    assert 'href="/team"' not in browser.open("/me").page


def test_an_operator_invites_and_the_new_member_connects(new_site) -> None:
    site = new_site(operators=(0,))
    operator, new = site.members
    browser = site.browser(operator)
    with site.home.database.write() as connection:
        membership.erase_member(connection, new)
    browser.open("/team").press("/team/invite")
    (path,) = re.findall(r"http://127.0.0.1:\d+(/connect/[\w-]+)", browser.page)
    newcomer = site.browser().open(path)
    newcomer.consent(newcomer.location, new)
    assert f"Member {new} is connected" in newcomer.text
    assert newcomer.open("/me").text.startswith(f" Member {new}")


def test_members_who_need_attention_come_first() -> None:
    rows = [
        team_row(morning(**changes), NOW)
        for changes in (
            {"status": member_store.RECONNECTION_NEEDED},
            {"illness_flag": True},
            {"recovery_band": "red"},
            {"hrv_rmssd_milli": 20.0},
            {"resting_heart_rate": 70.0},
            {"sleep_duration_minutes": 200.0},
            {"training_load_ratio_7_21": 2.0},
            {"recovery_score": None},
            {"recovery_band": "red", "user_calibrating": True},
        )
    ]
    assert [row.weight for row in rows] == sorted((row.weight for row in rows), reverse=True)
    assert [row.attention for row in rows] == [
        ("Reconnection needed",),
        ("differs from usual",),
        ("low recovery",),
        ("HRV low",),
        ("resting HR high",),
        ("short sleep",),
        ("load ratio high",),
        ("no value today",),
        (),
    ]


def test_a_row_compares_with_the_members_own_baseline() -> None:
    row = team_row(morning(), NOW)
    assert (row.hrv, row.hrv_usual) == ("60", "usual 55 to 67")
    assert (row.resting_heart_rate, row.resting_heart_rate_usual) == ("50", "usual 48 to 52")
    assert (row.sleep, row.load_ratio, row.age) == ("8:00 / 8:00", "1.00", "3 h")
