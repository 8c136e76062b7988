"""Prints tables in the width of the terminal; without a terminal, wide enough for all columns."""

from rich.console import Console
from rich.table import Table

WIDTH_ELSEWHERE = 140


def print_table(table: Table) -> None:
    """Print it on stdout."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    console.print(table)
