"""Types of options and arguments that several commands share."""

from collections.abc import Callable
from datetime import date
from typing import Any

import click

from whoop_assets.settings import day_of

MAX_ID = 2**63 - 1
"""The largest number in a column of the database."""


class DayParam(click.ParamType[date]):
    """A WHOOP day on the command line."""

    name = "day"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else day_of(value)
        except ValueError:
            self.fail(f"{value!r} is not a date: write it as YYYY-MM-DD.", param, ctx)


class IdParam(click.ParamType[int]):
    """The id of a row on the command line. Ids of members from an export are negative."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = click.INT.convert(value, param, ctx)
        if abs(number) > MAX_ID:
            self.fail(f"{number} is too large for an id: the largest id is {MAX_ID}.", param, ctx)
        return number


def members_option(name: str, text: str, *, required: bool = False) -> Callable[[Any], Any]:
    """Return the option `--member`, which can be repeated; `name` is the parameter of the command."""
    return click.option(
        "--member",
        name,
        type=IdParam(),
        multiple=True,
        required=required,
        metavar="ID",
        help=f"{text} You can repeat the option.",
    )
