"""`report`: one HTML page per member."""

import webbrowser

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import members_option
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings


@click.command()
@members_option("chosen", "Include only this member.")
@click.option(
    "--title", default="", help="Use this title instead of the member's id. Requires exactly one member."
)
@click.option("--open", "show", is_flag=True, help="Open the pages in the browser.")
def report(chosen: tuple[int, ...], title: str, show: bool) -> None:
    """Write one HTML page per member with charts, weeks, days and gaps of the last year."""
    from whoop_assets.members import store as member_store
    from whoop_assets.report.files import write_report

    settings = Settings.from_environment()
    folder = settings.data_folder / "reports"
    with opening.warehouse(settings) as database:
        with database.read() as connection:
            found = member_store.chosen(connection, list(chosen), with_disconnected=True)
            now = database.now(connection)
        if not found:
            click.echo("No member is connected: run `whoop-assets connect` first.", err=True)
            raise click.exceptions.Exit(1)
        if title and len(found) > 1:
            raise click.UsageError("--title is for one member: choose one with --member.")
        today = settings.today(now)
        written = [write_report(database, one.user_id, folder, today, title=title) for one in found]
    for one in written:
        click.echo(f"{one.path}  {counted(one.days, 'day')}, {one.size // 1000} kB")
    if show:
        for one in written:
            if not webbrowser.open(one.path.absolute().as_uri()):
                click.echo(f"No browser could be started: open {one.path} by hand.", err=True)
                raise click.exceptions.Exit(1)
