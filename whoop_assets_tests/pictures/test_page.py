"""The report's page and the charts: what they say, what they never say, and how large they are."""

import math
import re
from datetime import timedelta
from html import escape
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.pictures import charts, gaps, words
from whoop_assets.pictures.history import calendar
from whoop_assets.pictures.image import LARGEST, image, markdown
from whoop_assets.pictures.page import page
from whoop_assets_tests.pictures.rows import ME, TODAY, daily, full, report_of, trend, year_with_gaps


def said(html):
    """The words of a page, without its tags and styles."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.S))


def test_a_year_is_well_below_its_size_and_asks_for_nothing_from_anywhere():
    html = page(report_of(year_with_gaps()))
    assert len(html.encode()) < 1_500_000
    assert "<script" not in html
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#)[^"')>\s]+""", html)


def test_the_newest_day_stands_at_the_top_with_its_context():
    text = said(page(report_of(year_with_gaps())))
    assert "Today" in text
    assert "so far" in text
    assert "points" in text  # a difference of two percentages
    assert "HRV down, resting heart rate up" in text
    assert "This is no diagnosis." in text


def test_every_kind_of_gap_is_explained_with_its_days():
    html = page(report_of(year_with_gaps()))
    explained = html[html.index('id="gaps"') :]
    for kind, back in (
        (gaps.PARTIAL, 0),
        (gaps.WAITING, 3),
        (gaps.UNSCORABLE, 5),
        (gaps.NOTHING, 7),
        (gaps.NO_SLEEP, 9),
        (gaps.NO_CYCLE, 11),
        (gaps.NOT_WORN, 13),
        (gaps.TWO_CYCLES, 15),
        (gaps.CALIBRATING, 17),
    ):
        entry = re.search(rf"<dt>{re.escape(escape(kind.heading))} .*?</div>", explained, re.S)
        assert entry is not None, kind
        day = TODAY - timedelta(days=back)
        assert f"{words.short(day)} {day.year}" in entry[0], kind
    assert "Every day of this report is complete" not in explained


def test_what_comes_from_outside_is_text_and_nothing_else():
    html = page(report_of([full(TODAY), full(TODAY - timedelta(days=1))], title='<img src=x onerror="a">'))
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;sauna&lt;/b&gt;" in html


def test_a_member_without_any_day_is_told_how_to_get_some():
    assert "whoop-assets backfill" in said(page(report_of([])))


def test_the_member_is_an_id_unless_a_title_is_given():
    assert f"Member {ME}" in said(page(report_of([full(TODAY)])))
    assert "Season 2026" in said(page(report_of([full(TODAY)], title="Season 2026")))


NUMBERS = st.none() | st.just(math.nan) | st.floats(-10, 2000) | st.integers(0, 100)
MEASURES = (
    "strain", "recovery_score", "hrv_rmssd_milli", "resting_heart_rate", "sleep_duration_minutes", "sleep_needed_minutes",
)  # fmt: skip
TRENDS = ("hrv_rmssd_milli_mean_28", "hrv_rmssd_milli_sd_28", "strain_mean_7", "strain_target_low", "strain_target_high")  # fmt: skip


@st.composite
def any_days(draw):
    """Days with whatever values, states and gaps."""
    rows, trends = [], []
    for back in draw(st.lists(st.integers(0, 40), unique=True, max_size=12)):
        day = TODAY - timedelta(days=back)
        state = st.sampled_from([None, "SCORED", "PENDING_SCORE", "UNSCORABLE", "SOMETHING_NEW"])
        values = {name: draw(NUMBERS) for name in MEASURES}
        rows.append(
            daily(
                day,
                **values,
                recovery_band=draw(st.sampled_from([None, "green", "red", "violet"])),
                is_partial=draw(st.booleans()),
                cycle_id=draw(st.sampled_from([None, 1])),
                cycle_state=draw(state),
                sleep_state=draw(state),
                workout_count=draw(st.none() | st.integers(0, 3)),
                sports=draw(st.sampled_from([None, "", "yoga", "a, b"])),
            )
        )
        if draw(st.booleans()):
            trends.append(trend(day, **{name: draw(NUMBERS) for name in TRENDS}))
    return rows, trends


@settings(max_examples=25)
@given(any_days())
def test_whatever_is_missing_is_a_dash_and_never_nan_or_none(rows_and_trends):
    rows, trends = rows_and_trends
    report = report_of(rows, trends=False)
    days = calendar(rows, trends)
    html = page(type(report)(ME, days, report.weeks, TODAY, report.written_at))
    assert not re.search(r"\b(nan|NaN|None|inf)\b", said(html))
    for chart in charts.all_of(days) if days else ():
        drawn = image(chart)
        ElementTree.fromstring(drawn)
        assert not re.search(r"\bnan\b|\binf\b|None", drawn)


def test_the_charts_of_sixty_days_are_small_images_that_stand_alone():
    days = report_of(year_with_gaps()).days[-60:]
    for chart in charts.all_of(days):
        drawn = image(chart)
        ElementTree.fromstring(drawn)
        assert len(drawn.encode()) * 4 / 3 < LARGEST
        assert chart.summary in ElementTree.fromstring(drawn).find("{http://www.w3.org/2000/svg}desc").text
    assert markdown(charts.all_of(days), "Member 1").count("](data:image/svg+xml;base64,") == 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (math.nan, "–"), (0.04, "0.0"), (-0.04, "0.0"), (-1.25, "−1.2"), (7.0, "7.0")],
)
def test_numbers_are_said_as_people_read_them(value, shown):
    assert words.number(value, 1) == shown


@pytest.mark.parametrize(("minutes", "shown"), [(451.4, "7:31"), (-30, "−0:30"), (0.4, "0:00"), (None, "–")])
def test_durations_are_hours_and_minutes(minutes, shown):
    assert words.hours(minutes) == shown
