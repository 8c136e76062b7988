"""A member's report: one HTML page without scripts and network requests. It names the member by id only.

It works on phones and on paper, in light and dark mode, and with screen readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from whoop_assets.report import charts, gaps
from whoop_assets.report.calendar_days import ReportDay, Row
from whoop_assets.report.cards import cards_of
from whoop_assets.report.journal_texts import journal_texts
from whoop_assets.report.rendering import template_environment
from whoop_assets.report.signals import signals_of
from whoop_assets.report.svg import Chart

CHART_PERIODS = ((28, "Four weeks"), (91, "Three months"), (365, "A year"))
"""Length in days and name of the periods that the charts show."""

NEWEST_DAYS, NEWEST_WEEKS = 14, 12
"""Rows that the tables show before the reader opens the earlier ones."""


@dataclass(frozen=True, slots=True)
class MemberReport:
    """The content of a report.

    Attributes:
        user_id: The member.
        days: Every day of the period, oldest first.
        weeks: Rows of `weekly_summary`, oldest first.
        today: The member's current date.
        written_at: Time of writing, UTC.
        title: Heading of the page; empty for the member's id.
        effects: Rows of `journal_effects`; empty without a journal.
    """

    user_id: int
    days: Sequence[ReportDay]
    weeks: Sequence[Row]
    today: date
    written_at: datetime
    title: str = ""
    effects: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class ChartPeriod:
    """The charts of one period; `key` is the CSS class of its views."""

    key: str
    name: str
    charts: Sequence[Chart]


def page(report: MemberReport) -> str:
    """Return the report as an HTML document."""
    values = {
        "report": report,
        "title": report.title or f"Member {report.user_id}",
        "days_with_data": sum(bool(day.summary) for day in report.days),
        **component_values(report.days),
    }
    if report.days:
        values["effects"] = journal_texts(report.effects)
        values["days_without_rows"] = (report.today - report.days[-1].day).days - 1
    return template_environment().get_template("report.html").render(values)


def component_values(days: Sequence[ReportDay]) -> dict[str, Any]:
    """Return the values of these days for the components of a page. `newest` is None without data."""
    newest = next((day for day in reversed(days) if day.summary), None)
    if newest is None:
        return {"newest": None}
    return {
        "newest": newest,
        "cards": cards_of(newest),
        "signals": signals_of(newest),
        "notes": [kind for kind in gaps.gap_kinds(newest) if kind is not gaps.PARTIAL],
        "periods": chart_periods(days),
        "gaps": gaps.explain_gaps(days),
        "newest_days": NEWEST_DAYS,
        "newest_weeks": NEWEST_WEEKS,
    }


def chart_periods(days: Sequence[ReportDay]) -> list[ChartPeriod]:
    """Return all charts for each period, up to the first period that contains all days."""
    periods = []
    for length, name in CHART_PERIODS:
        periods.append(ChartPeriod(f"r{length}", name, charts.all_charts(days[-length:])))
        if len(days) <= length:
            break
    return periods


def first_day(today: date) -> date:
    """Return the first day of a report that is written today."""
    return today - timedelta(days=CHART_PERIODS[-1][0] - 1)
