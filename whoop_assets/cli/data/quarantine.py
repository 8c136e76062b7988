"""`quarantine`: lists and closes records of WHOOP and rows of exports that were not understood."""

from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import IdParam
from whoop_assets.cli.printing import new_table, print_json, print_table
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.quality.quarantine_entries import QuarantineEntry

MEMBER_OPTION = click.option(
    "--member", "user_id", type=IdParam(), metavar="ID", help="Include only entries of this member."
)


@click.group("quarantine")
def quarantine() -> None:
    """Manage the quarantine: records of WHOOP and rows of exports that could not be parsed."""


@quarantine.command("list")
@MEMBER_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_entries(user_id: int | None, as_json: bool) -> None:
    """List the open entries with their reasons."""
    from whoop_assets.quality import quarantine_entries as stored

    with opening.warehouse(Settings.from_environment()) as database, database.read() as connection:
        found = stored.entries(connection, user_id)
    if as_json:
        print_json(found)
        return
    if found:
        _print(found)
    click.echo(f"{len(found)} open.")


@quarantine.command()
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--all", "everything", is_flag=True, help="Close all open entries.")
@MEMBER_OPTION
def dismiss(entries: tuple[str, ...], everything: bool, user_id: int | None) -> None:
    """Close entries permanently: the same record or row is not quarantined again."""
    from whoop_assets.quality import quarantine_entries as stored

    if everything == bool(entries):
        raise click.UsageError(
            "Name entries as `quarantine list` shows them, or all that are open with --all."
        )
    with opening.warehouse(Settings.from_environment()) as database, database.write() as connection:
        ids = None if everything else entries
        closed = stored.dismiss(connection, ids, database.now(connection), user_id)
    click.echo(f"Dismissed: {closed}.")


def _print(found: "list[QuarantineEntry]") -> None:
    headings = ("entry", "member", "stream or file", "key or line", "reason")
    table = new_table(*headings, no_wrap=["entry"], fold=True)
    for entry in found:
        table.add_row(
            entry.id, str(entry.user_id), entry.source, entry.place or "(no readable key)", entry.reason
        )
    print_table(table)
