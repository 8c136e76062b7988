"""Jinja templates of reports and pages. They escape every value and reject undefined names."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from whoop_assets.report import formatting
from whoop_assets.report.gaps import gap_kinds

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
_FILTERS = (
    formatting.number,
    formatting.number_range,
    formatting.hours,
    formatting.duration,
    formatting.counted,
    formatting.short_date,
    formatting.weekday_date,
    formatting.long_date,
    formatting.date_range,
    formatting.week_end,
    formatting.workouts_text,
    gap_kinds,
)


@cache
def stylesheet() -> str:
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@cache
def template_environment(*packages: str) -> "Environment":
    """Return the environment for the templates of the packages and of the report.

    Args:
        packages: Names of packages that have a folder `templates`. They are searched in this order, the
            report's last.
    """
    # Imported here because every run imports this module, and few runs render a page.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loaders = [PackageLoader(package) for package in (*packages, "whoop_assets.report")]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {function.__name__: function for function in _FILTERS}
    environment.globals["stylesheet"] = stylesheet
    return environment
