"""`import`: the app's own export, for a connected member or a member without a connection."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import IdParam
from whoop_assets.cli.printing import new_table, print_table
from whoop_assets.errors import UnknownMember
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.db.database import Database
    from whoop_assets.sync.import_export import Imported

NEW = "new"
MAX_SHOWN = 20
NOT_ALL_DONE = 1


@click.command("import")
@click.argument("export", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--member",
    "wanted",
    metavar="ID|new",
    help="The owner of the export. `new` adds a member without a connection. The default is the only"
    " member, or a new member if there is none.",
)
@click.option(
    "--instead-of",
    type=IdParam(),
    metavar="ID",
    help="Erase this member, whose only data come from an export, and assign the export to the member of"
    " --member.",
)
@click.option("--force", is_flag=True, help="Import the export also if its cycles contradict the member's.")
def import_(export: Path, wanted: str | None, instead_of: int | None, force: bool) -> None:
    """Import the data export of the WHOOP app: a zip file, a folder, or one of its CSV files."""
    from whoop_assets.app_export.parsing.archive import read_files
    from whoop_assets.sync.import_export import import_export

    files = read_files(export)
    settings = Settings.from_environment()
    with opening.warehouse(settings, create=True) as database:
        user_id = _member(database, wanted)
        done = import_export(database, files, user_id, force=force, instead_of=instead_of)
    _say(export.name, done, instead_of)
    # A file that is not recognised may be one of those that are missing.
    if done.rejected or (done.unknown_files and done.missing_files):
        raise click.exceptions.Exit(NOT_ALL_DONE)


def _member(database: "Database", wanted: str | None) -> int | None:
    """Return the chosen member; None for a new member."""
    from whoop_assets.members import store as member_store

    if wanted == NEW:
        return None
    if wanted is not None:
        try:
            return IdParam().convert(wanted, None, None)
        except click.BadParameter:
            raise click.UsageError(
                f"--member takes a member's id or `{NEW}`, and {wanted!r} is neither."
            ) from None
    with database.read() as connection:
        known = member_store.listed(connection)
    if len(known) > 1:
        raise UnknownMember(
            "The database has several members: name the owner of the export with --member, or use `--member"
            f" {NEW}` for a new member. `whoop-assets members` lists the members."
        )
    return known[0].user_id if known else None


def _say(name: str, done: "Imported", instead_of: int | None) -> None:
    who = f"member {done.user_id}{', who is new' if done.is_new else ''}"
    span = "" if done.first_day is None else f", {done.first_day} to {done.last_day}"
    click.echo(f"{name}: {who}{span}.")
    headings = ("in the export", "new", "changed", "the same", "gone", "quarantined", "matched", "filling")
    table = new_table("", *headings, right=headings, no_wrap=[""])
    for kind, one in done.kinds.items():
        stored = one.stored
        of_days = ("-", "-") if kind == "journal" else (str(one.matched), str(one.filling))
        figures = (one.in_export, stored.new, stored.changed, stored.same, stored.gone, one.rejected)
        table.add_row(one.name or f"{kind}, from the cycles", *map(str, figures), *of_days)
    print_table(table)
    for missing in done.missing_files:
        click.echo(f"{missing} is not in it.")
    for kind, one in done.kinds.items():
        if one.stored.older:
            click.echo(
                f"Passed over: {counted(one.stored.older, 'row')} of {kind}. A newer export that was imported"
                " before has them."
            )
        if one.repeated:
            click.echo(f"{counted(one.repeated, 'row')} repeated in {one.name}.")
    if done.without_day:
        click.echo(f"Not stored: {counted(done.without_day, 'journal answer')} that no cycle gives a day.")
    if done.nap_days:
        click.echo(
            f"On {counted(done.nap_days, 'day')} the export has the recovery of a nap, which is not the"
            " day's. There the recovery of an earlier import stays, or the day has none."
        )
    for name, unknown in done.unknown_columns.items():
        click.echo(f"{name} has columns that are not known, kept only in payload: {', '.join(unknown)}.")
    if done.dismissed:
        click.echo(f"Passed over: {counted(done.dismissed, 'row')} that you dismissed before.")
    _say_what_is_wrong(done)
    if instead_of is not None:
        click.echo(f"Member {instead_of} is erased; the export now belongs to member {done.user_id}.")
    click.echo(
        f"Rebuilt: {counted(done.days_rebuilt, 'day')}, with trends and weeks;"
        f" {counted(done.habits, 'effect')} in the journal. Filled from exports:"
        f" {counted(done.filled_days, 'day')} of this member."
    )
    click.echo(
        f"Now: `whoop-assets report --member {done.user_id} --open` shows them. A later export is imported"
        f" the same way, with `--member {done.user_id}`."
    )


def _say_what_is_wrong(done: "Imported") -> None:
    """Print on stderr what could not be read."""
    names = {one.file: one.name for one in done.kinds.values()}
    for fault in done.faults[:MAX_SHOWN]:
        click.echo(
            f"{names[fault.file]}, line {fault.line}: {fault.reason}; the cell is left empty.", err=True
        )
    if len(done.faults) > MAX_SHOWN:
        click.echo(f"Left empty: {counted(len(done.faults) - MAX_SHOWN, 'further cell')}.", err=True)
    for rejected in done.rejected[:MAX_SHOWN]:
        click.echo(f"{names[rejected.file]}, line {rejected.line}: {rejected.reason}.", err=True)
    if len(done.rejected) > MAX_SHOWN:
        click.echo(f"Not understood: {counted(len(done.rejected) - MAX_SHOWN, 'further row')}.", err=True)
    if done.rejected:
        click.echo(
            "These rows are kept in the table export_quarantine: `whoop-assets quarantine list` shows them,"
            " `whoop-assets quarantine dismiss` closes them.",
            err=True,
        )
    for file in done.unknown_files:
        click.echo(
            f"{file.name} is not known, and was not read. Its headings are: {file.headings}.", err=True
        )
