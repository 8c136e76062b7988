"""The report and its charts: their text, missing values, escaping and size."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from statistics import fmean, stdev
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from whoop_assets.report import charts, formatting, gaps
from whoop_assets.report.calendar_days import calendar
from whoop_assets.report.cards import cards_of
from whoop_assets.report.image import image, markdown
from whoop_assets.report.journal_texts import journal_texts
from whoop_assets.report.page import MemberReport, page
from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.trends.rows import trend_rows
from whoop_assets.whoop_day import cycle_day
from whoop_assets_tests.report.rows import (
    AT,
    MAX_IMAGE_BYTES,
    ME,
    TODAY,
    daily,
    effect,
    full,
    report_of,
    trend,
    trend_of,
    week,
    year_with_gaps,
)


def text_of(html):
    """Return the text of a page without tags and styles."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.S))


def test_each_heading_of_the_tables_is_explained():
    html = page(report_of(year_with_gaps()))
    explanations = plain(html[html.index('id="meanings"') :])
    headings = {
        heading.partition(",")[0] for heading in re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', html)
    }
    assert headings > {"Recovery", "Need met", "Resting HR", "Workouts"}
    known = {"Week", "Day", "Notes", "Sleep"}  # words of every day
    assert [heading for heading in headings - known if heading.lower() not in explanations.lower()] == []


def test_a_night_of_an_export_without_scores_could_not_be_scored():
    scores = ("sleep_duration_minutes", "recovery_score", "hrv_rmssd_milli")
    states = dict.fromkeys(("cycle_state", "sleep_state", "recovery_state"))
    times = dict.fromkeys(("cycle_start_time", "sleep_start_time"), AT)
    exported = full(TODAY) | states | times | {"source": "export"}
    assert gaps.UNSCORABLE in gaps.gap_kinds(*calendar([exported | dict.fromkeys(scores)]))
    assert gaps.UNSCORABLE not in gaps.gap_kinds(*calendar([exported]))


@pytest.mark.parametrize(
    ("need", "label", "context"),
    [
        (None, "", "Need –"),
        (0.4, "", "Need 0:00\u00a0h"),
        (480.0, "90\u00a0% of need", "Need 8:00\u00a0h, 0:48\u00a0h short"),
    ],
)
def test_a_scored_sleep_without_a_usable_need_has_no_label(need, label, context):
    (_, card, _) = cards_of(
        *calendar([full(TODAY) | {"sleep_duration_minutes": 432.0, "sleep_needed_minutes": need}])
    )
    assert (card.value, card.unit, card.label) == ("7:12", "h", label)
    assert context in card.context


def test_a_night_without_a_sleep_has_no_scored_sleep():
    (_, card, _) = cards_of(*calendar([full(TODAY) | {"sleep_duration_minutes": None}]))
    assert (card.value, card.unit, card.label) == ("–", "", "no scored sleep")


def test_a_difference_of_one_is_a_point():
    score = {"recovery_score": 24.0, "resting_heart_rate": 58.0, "hrv_rmssd_milli": 70.0}
    assert "1 point above your usual 17 to 23 %" in plain(page(report_of([full(TODAY) | score])))
    (finding,) = journal_texts([effect(difference=-1.0, difference_low=-1.4, difference_high=-0.6)]).habits[
        "Alcohol?"
    ]
    assert plain(finding.text) == "Recovery 1 point lower; probably between 1 point and 1 point."


def test_an_unfinished_day_without_a_strain_is_not_finished():
    (_, _, card) = cards_of(*calendar([full(TODAY) | {"strain": None, "is_partial": True}]))
    assert (card.value, card.label) == ("–", "not finished")


@pytest.mark.parametrize(
    ("asleep", "day"),
    [(datetime(2026, 11, 20, 11, 59), date(2026, 11, 20)), (datetime(2026, 11, 20, 12), date(2026, 11, 21))],
)
def test_the_page_states_the_rule_of_the_day_as_the_code_has_it(asleep, day):
    """The rule looks at the begin of the cycle, not at the end of its sleep."""
    text = plain(page(report_of([full(TODAY)])))
    assert "The date of a day is your local date twelve hours after its cycle began" in text
    assert cycle_day(asleep.replace(tzinfo=UTC), timedelta(0)) == day == (asleep + timedelta(hours=12)).date()


def test_no_chart_and_no_card_shows_a_ratio_monotony_or_strain_of_a_week():
    """Day strain is a compressed score: a formula for additive loads means nothing on it."""
    html = plain(page(report_of(year_with_gaps())))
    shown = html + " ".join(chart.summary for chart in charts.all_charts(report_of(year_with_gaps()).days))
    assert not re.search(r"monotony|acute|chronic|ratio\b|Foster|times as much", shown, re.IGNORECASE)


def test_a_report_of_a_year_is_small_and_loads_nothing():
    html = page(report_of(year_with_gaps()))
    assert len(html.encode()) < 1_500_000
    assert "<script" not in html
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#)[^"')>\s]+""", html)


def test_the_cards_compare_the_newest_day_with_usual_values():
    text = text_of(page(report_of(year_with_gaps())))
    assert "Today" in text
    assert "so far" in text
    assert "points" in text  # a difference of two percentages
    assert "HRV down, resting heart rate up" in text
    assert "Often alcohol, a hard day, heat, illness or the menstrual cycle." in text
    assert "This is no diagnosis." in text


def plain(html):
    """Return the text of a page with single spaces."""
    return " ".join(unescape(text_of(html)).split())


def test_cards_show_usual_ranges_instead_of_standard_deviations():
    day = full(TODAY) | {"resting_heart_rate": 58.0, "hrv_rmssd_milli": 70.0, "recovery_score": 15.0}
    text = plain(page(report_of([day])))
    assert "Resting heart rate 58 bpm: 11 bpm above your usual 45 to 47 bpm" in text
    assert "HRV 70 ms: within your usual 65 to 98 ms" in text
    assert "2 points below your usual 17 to 23 %" in text
    assert "Average HRV of 7 nights 70.0 ms: below your normal 74.0 to 86.0 ms" in text
    assert "Sleep balance of 7 nights: 2:10 h short; your usual is 3:30 h short to 0:30 h over" in text
    assert "This project's rule of thumb after such a recovery: 10 to 14" in text
    assert " SD " not in text and "z-score" not in text
    assert "Load" not in text


def test_means_and_band_counts_leave_out_recoveries_from_calibration():
    rows = [
        full(TODAY - timedelta(days=n)) | {"recovery_score": 50.0, "recovery_band": "yellow"}
        for n in range(4)
    ]
    rows[0] |= {"recovery_score": 99.0, "recovery_band": "green", "user_calibrating": True}
    days = calendar(rows)
    told = charts.recovery_chart(days).summary.replace("\u00a0", " ")
    assert "average 50 %" in told
    assert "0 green, 3 yellow" in told
    assert "3 finished days" in charts.strain_and_recovery_chart(days).summary


def test_a_flight_shows_the_days_to_adapt_and_a_clock_change_is_named():
    def told(**trends):
        days = calendar([full(TODAY)], [trend_of(TODAY) | trends])
        return plain(page(MemberReport(ME, days, [], TODAY, AT)))

    assert "Your clock is 3 h behind your usual time zone." in told()
    assert "so about 2 more days." in told()
    assert "so yours probably has adapted." in told(timezone_days_to_adapt=0.0)
    hour = {"timezone_shift_minutes": 60.0, "timezone_shift_cause": "clock_change"}
    assert "Clocks changed: your clock is 1 h ahead of your usual time." in told(**hour)
    assert "Clocks changed" not in told(**hour, timezone_days_to_adapt=0.0)


def test_chart_summaries_name_the_day_of_their_newest_values():
    """If the newest day lacks a value, the summary names the day of the value that it shows."""
    rows = [full(TODAY - timedelta(days=back)) for back in (40, 2, 1, 0)]
    of_days = [
        trend(TODAY - timedelta(days=40), ln_hrv_rmssd_usual_mean_28=4.0, ln_hrv_rmssd_usual_sd_28=0.1),
        trend(TODAY - timedelta(days=2), strain_mean_7=11.0, strain_mean_28=9.0),
        trend(TODAY - timedelta(days=1), strain_mean_28=9.5),
        trend(TODAY, strain_mean_7=18.0),
    ]
    days = calendar(rows, of_days)
    told = {chart.key: chart.summary.replace("\u00a0", " ") for chart in charts.all_charts(days)}
    assert "usual on 12 Oct: 49 to 60 ms" in told["hrv"]
    assert "on 19 Nov the average is 11.0 over 7 days and 9.0 over 28" in told["load"]
    assert not [summary for summary in told.values() if "now" in summary]


def test_card_chart_and_illness_sign_use_one_baseline_of_hrv():
    """The logarithm of the 28 days before, the day excluded: a sign always reads "below your usual"."""
    usual = {"resting_heart_rate": 50.0, "respiratory_rate": 15.0}
    hrv = [55.0 + 10 * (n % 3) for n in range(28)] + [40.0]
    rows = [
        daily(TODAY - timedelta(days=28 - n), **usual, hrv_rmssd_milli=value) for n, value in enumerate(hrv)
    ]
    trends = trend_rows(pd.DataFrame(rows, dtype=object)[list(DAILY_READ)], rows[0]["day"], TODAY)
    days = calendar(rows, trends)
    logs = [math.log(value) for value in hrv[:-1]]
    low, high = (math.exp(fmean(logs) + side * stdev(logs)) for side in (-1, 1))
    assert trends[-1]["ln_hrv_rmssd_z_28"] <= -2
    card = cards_of(days[-1])[0].context[1].replace("\u00a0", " ")
    assert f"below your usual {low:.0f} to {high:.0f} ms" in card
    chart = charts.hrv_chart(days)
    assert f"usual on 21 Nov: {low:.0f} to {high:.0f} ms" in chart.summary.replace("\u00a0", " ")
    assert chart.tips[-1].endswith(f"usual {low:.0f} to {high:.0f}\u00a0ms")


def test_the_mean_of_the_sleep_chart_uses_one_definition_of_sleep():
    change = date(2025, 2, 24)
    rows = [
        full(change + timedelta(days=n)) | {"sleep_duration_minutes": 300.0 if n < 0 else 480.0}
        for n in range(-20, 10)
    ]
    told = charts.sleep_chart(calendar(rows)).summary.replace("\u00a0", " ")
    assert "average 8 h asleep" in told
    assert "WHOOP changed what it counts, so this is since Mon 24 Feb 2025" in told
    assert "WHOOP changed" not in charts.sleep_chart(calendar(rows[20:])).summary


def test_the_page_shows_the_strongest_journal_effects_in_words():
    effects = [
        effect("Weak?", verdict="weak", hedges_g=-0.3),
        effect("Nothing?", verdict="cannot tell", difference=None, hedges_g=None),
        effect(),
        effect("<b>Late meal?</b>", "sleep_duration_minutes", difference=-32.0, hedges_g=2.0, lag_days=1),
    ]
    html = page(report_of([full(TODAY)], effects=effects))
    text = plain(html)
    finding = "Recovery 14 points lower; probably between 9 points and 19 points. Strong."
    assert f"Alcohol? {finding} 42 days with yes, 310 with no" in text
    assert "Sleep 32 min shorter, one night later" in text
    assert text.index("Late meal?") < text.index("Alcohol?") < text.index("Weak?")
    assert "Nothing?" not in text
    assert "Cannot tell for 1 other question: no effect can be distinguished from chance yet." in text
    assert "<b>Late" not in html
    for limit in ("need not cause each other", "better weeks follow bad ones", "fills in “no” automatically"):
        assert limit in text
    nothing = plain(page(report_of([full(TODAY)], effects=effects[1:2])))
    assert "Cannot tell for 1 question: no effect can be distinguished from chance yet." in nothing
    assert "Your journal" not in plain(page(report_of([full(TODAY)])))


def test_effects_of_one_question_are_together_and_the_strongest_question_is_first():
    effects = [
        effect("Alcohol?", hedges_g=-0.9),
        effect("Alcohol?", "resting_heart_rate", difference=2.1, hedges_g=0.6),
        effect("Late meal?", hedges_g=-0.7),
        effect("Late meal?", lag_days=1, verdict="cannot tell", difference=None, hedges_g=None),
    ]
    texts = journal_texts(effects)
    assert [(question, len(findings)) for question, findings in texts.habits.items()] == [
        ("Alcohol?", 2),
        ("Late meal?", 1),
    ]
    assert texts.undecided == 0


def test_a_usual_range_ends_where_the_score_ends():
    wide = {"recovery_score_usual_mean_28": 80.0, "recovery_score_usual_sd_28": 30.0}
    low = {"strain_usual_mean_28": 3.0, "strain_usual_sd_28": 4.0}
    days = calendar([full(TODAY)], [trend_of(TODAY) | wide | low])
    text = plain(page(MemberReport(ME, days, [], TODAY, AT)))
    assert "usual 50 to 100 %" in text
    assert "usual 0.0 to 7.0" in text


def test_need_sleep_and_their_difference_are_consistent_on_the_page():
    day = full(TODAY) | {"sleep_duration_minutes": 503.6, "sleep_needed_minutes": 479.3}
    text = plain(page(report_of([day])))
    assert "Sleep 8:24 h" in text
    assert "Need 7:59 h, 0:25 h over" in text


def test_a_weekly_average_of_fewer_days_than_the_week_shows_their_number():
    monday = TODAY - timedelta(days=TODAY.weekday())
    counts = {"recovery_score_days": 5, "strain_days": 6, "sleep_duration_minutes_days": 7}
    means = {"recovery_score_mean": 61.0, "strain_mean": 9.5, "sleep_duration_minutes_mean": 430.0}
    weeks = [
        week(monday, days_with_data=6, recovery_score_days=3, recovery_score_mean=None),
        week(monday - timedelta(days=7), days_with_data=7, **counts, **means),
    ]
    text = plain(page(MemberReport(ME, calendar([full(TODAY)]), weeks, TODAY, AT)))
    rows = text[text.index("Weeks") : text.index("What the numbers mean")]
    assert "61 % 5 days" in rows
    assert "9.5 6 days" in rows
    assert "7:10 7 days" not in rows
    assert "3 days" not in rows


@pytest.mark.parametrize(
    "term",
    [
        *(
            "Recovery",
            "HRV",
            "Resting heart rate",
            "Your usual",
            "Your normal HRV",
            "Your body differs from your usual",
            "Sleep need",
            "Sleep balance",
        ),
        *("Strain", "Rule of thumb for strain", "Weeks", "Cycle"),
    ],
)
def test_the_page_explains_each_term_that_it_uses(term):
    html = page(report_of(year_with_gaps()))
    explanations = html[html.index('id="meanings"') :]
    (meaning,) = re.findall(rf"<dt>{term}</dt>\s*<dd>(.*?)</dd>", explanations, re.S)
    assert len(meaning.split()) >= 6


def test_the_page_explains_every_kind_of_gap_with_its_days():
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
        assert f"{formatting.short_date(day)} {day.year}" in entry[0], kind
    assert "Every day of this report is complete" not in explained


def test_values_from_outside_are_escaped():
    html = page(report_of([full(TODAY), full(TODAY - timedelta(days=1))], title='<img src=x onerror="a">'))
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;sauna&lt;/b&gt;" in html


def test_a_member_without_data_gets_the_command_that_loads_some():
    assert "whoop-assets backfill" in text_of(page(report_of([])))


def test_the_heading_is_the_members_id_unless_a_title_is_given():
    assert f"Member {ME}" in text_of(page(report_of([full(TODAY)])))
    assert "Season 2026" in text_of(page(report_of([full(TODAY)], title="Season 2026")))


NUMBERS = st.none() | st.just(math.nan) | st.floats(-10, 2000) | st.integers(0, 100)
MEASURES = (
    *("strain", "recovery_score", "hrv_rmssd_milli", "resting_heart_rate"),
    *("sleep_duration_minutes", "sleep_needed_minutes"),
)
TRENDS = (
    *(
        f"{name}_usual_{statistic}_28"
        for name in ("ln_hrv_rmssd", "strain", "recovery_score")
        for statistic in ("mean", "sd")
    ),
    *(
        "ln_hrv_rmssd_mean_7",
        "hrv_normal_low_milli",
        "sleep_balance_7_minutes",
        "strain_mean_7",
        "strain_mean_28",
    ),
    *("strain_target_low", "strain_target_high", "timezone_shift_minutes", "timezone_days_to_adapt"),
)


@st.composite
def any_days(draw):
    """Return days with any values, states and gaps."""
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
@example(([daily(TODAY, sleep_duration_minutes=1.0, sleep_needed_minutes=5e-324)], []))
def test_missing_values_are_dashes_and_never_nan_or_none(rows_and_trends):
    rows, trends = rows_and_trends
    report = report_of(rows, trends=False)
    days = calendar(rows, trends)
    html = page(type(report)(ME, days, report.weeks, TODAY, report.written_at))
    assert not re.search(r"\b(nan|NaN|None|inf)\b", text_of(html))
    for chart in charts.all_charts(days) if days else ():
        drawn = image(chart)
        ElementTree.fromstring(drawn)
        assert not re.search(r"\bnan\b|\binf\b|None", drawn)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e4, 7_654_321.0, 1e12, 1e200])
def test_a_value_far_out_of_range_makes_no_chart_with_many_labels(value):
    """Values out of range are stored, and so are shown."""
    rows = [full(TODAY - timedelta(days=1)), full(TODAY)]
    rows[0] |= {"sleep_duration_minutes": value, "hrv_rmssd_milli": value}
    for chart in charts.all_charts(calendar(rows)):
        assert 2 <= len(chart.y) <= 12, chart.key
        assert all(0 <= tick.at <= 1 for tick in chart.y)


def test_charts_of_sixty_days_are_small_stand_alone_images():
    days = report_of(year_with_gaps()).days[-60:]
    for chart in charts.all_charts(days):
        drawn = image(chart)
        ElementTree.fromstring(drawn)
        assert len(drawn.encode()) * 4 / 3 < MAX_IMAGE_BYTES
        assert chart.summary in ElementTree.fromstring(drawn).find("{http://www.w3.org/2000/svg}desc").text
    assert markdown(charts.all_charts(days), "Member 1").count("](data:image/svg+xml;base64,") == 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (math.nan, "–"), (0.04, "0.0"), (-0.04, "0.0"), (-1.25, "−1.2"), (7.0, "7.0")],
)
def test_numbers_have_a_minus_sign_and_no_negative_zero(value, shown):
    assert formatting.number(value, 1) == shown


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [(452.0, "7 h 32 min"), (420.2, "7 h"), (32.0, "32 min"), (0.0, "0 min"), (-61.0, "−1 h 1 min")],
)
def test_durations_in_words_leave_out_zero_minutes(minutes, shown):
    assert formatting.duration(minutes).replace("\u00a0", " ") == shown


@pytest.mark.parametrize(("minutes", "shown"), [(451.4, "7:31"), (-30, "−0:30"), (0.4, "0:00"), (None, "–")])
def test_durations_show_hours_and_minutes(minutes, shown):
    assert formatting.hours(minutes) == shown
