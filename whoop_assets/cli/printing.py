"""Prints JSON, and tables in the width of the terminal; without a terminal, wide enough for all columns."""

import json
from collections.abc import Collection
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

WIDTH_ELSEWHERE = 140


def print_json(value: Any) -> None:
    """Print it on stdout, dates and times in ISO 8601. It may contain dataclasses."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else asdict(value)


def new_table(
    *headings: str,
    right: Collection[str] = (),
    no_wrap: Collection[str] = (),
    fold: bool = False,
    title: str | None = None,
) -> "Table":
    """Return a table without rows.

    Args:
        right: Headings of columns that are aligned at the right.
        no_wrap: Headings of columns that stay on one line.
        fold: Whether words that are longer than their column continue on the next line.
    """
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=heading in no_wrap,
            overflow="fold" if fold else "ellipsis",
        )
    return table


def print_table(table: "Table") -> None:
    """Print it on stdout."""
    from rich.console import Console

    # A cell can hold the name of a file, such as "[whoop]/:100:.csv": it is no markup.
    console = Console(markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, emoji=False, width=WIDTH_ELSEWHERE)
    console.print(table)
