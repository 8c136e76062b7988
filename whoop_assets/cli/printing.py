"""Prints JSON, and tables in the width of the terminal; without a terminal, wide enough for all columns."""

import json
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


def print_table(table: "Table") -> None:
    """Print it on stdout."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    console.print(table)
