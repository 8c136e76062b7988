"""The command `notion`: creates the data source of the pages, and shows its state.

It also creates the pages of days that lost theirs.
"""

from datetime import date
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import DayParam, members_option
from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.sinks.notion.sources import Obstacle

NOT_ALL_DONE = 1
MAX_SHOWN = 20


@click.group()
def notion() -> None:
    """Manage the Notion pages, one per member and day."""


@notion.command()
@click.option(
    "--parent", required=True, metavar="PAGE", help="Id or URL of the page that contains the data source."
)
@click.option("--title", default="WHOOP", show_default=True, help="Name of the data source.")
def init(parent: str, title: str) -> None:
    """Create a Notion data source with the properties of the mapping and print its id."""
    from whoop_assets.clock import SystemClock
    from whoop_assets.sinks.notion.client import Notion, notion_id
    from whoop_assets.sinks.notion.errors import OutcomeUnknown
    from whoop_assets.sinks.notion.schema import schema_of
    from whoop_assets.sinks.notion.sources import CommandSlots
    from whoop_assets.sinks.notion.target import page_mapping

    settings = Settings.from_environment()
    if not settings.notion_token.get_secret_value():
        raise ConfigurationError(
            "NOTION_TOKEN is not set: make an integration in Notion, share the page with it, and put its"
            " secret into the environment or the .env file."
        )
    if settings.notion_data_source:
        raise ConfigurationError(
            "WHOOP_NOTION_DATA_SOURCE is set already: unset it to make another data source."
        )
    properties = schema_of(page_mapping(settings))
    page = notion_id(parent, "--parent")
    clock = SystemClock()
    with Notion(settings, CommandSlots(clock), clock) as api:
        try:
            source, address = api.create_database(page, title, properties)
        except OutcomeUnknown as error:
            raise WhoopError(f"{error} Look at the page before you run this command again.") from None
    click.echo(f"Made {address or 'the database'} with the properties {', '.join(properties)}.", err=True)
    click.echo("Pages are written as soon as every process has this setting:", err=True)
    click.echo(f"WHOOP_NOTION_DATA_SOURCE={source}")


@notion.command()
def status() -> None:
    """Show how many days have a page, which pages are stale, and current problems."""
    from whoop_assets.sinks.notion import pages, sources
    from whoop_assets.sinks.notion.target import target

    settings = Settings.from_environment()
    to = target(settings)
    with opening.warehouse(settings) as database, database.read() as connection:
        behind = pages.behind(connection, to.source, to.mapping.fingerprint)
        counts = pages.counts(connection, to.source)
        given_up = pages.in_state(connection, to.source, [pages.IN_BIN, pages.GONE])
        refused = pages.refusals(connection, to.source)
        obstacle = sources.obstacle(connection, to.source)
    written = counted(counts.get(pages.WRITTEN, 0), "page")
    click.echo(f"Data source {to.source}: {written}, {counted(len(behind), 'day')} behind.")
    for user_id, day, state in given_up[:MAX_SHOWN]:
        said = "in the bin" if state == pages.IN_BIN else "gone"
        click.echo(f"Member {user_id}, {day}: the page is {said}.")
    if len(given_up) > MAX_SHOWN:
        click.echo(f"Deleted or in the trash: {counted(len(given_up) - MAX_SHOWN, 'more page')}.")
    for user_id, day, cause in refused[:MAX_SHOWN]:
        click.echo(f"Member {user_id}, {day}: {cause}", err=True)
    _say(obstacle)
    if refused or obstacle.failure:
        raise click.exceptions.Exit(NOT_ALL_DONE)


@notion.command()
@members_option("chosen", "Include only this member.")
@click.option("--from", "first", type=DayParam(), metavar="DAY", help="The first day, YYYY-MM-DD.")
@click.option("--to", "last", type=DayParam(), metavar="DAY", help="The last day, included.")
def renew(chosen: tuple[int, ...], first: date | None, last: date | None) -> None:
    """Create new pages for days whose page was deleted or is in the trash."""
    from whoop_assets.sinks.notion import pages
    from whoop_assets.sinks.notion.target import target

    settings = Settings.from_environment()
    to = target(settings)
    with opening.warehouse(settings) as database, database.write() as connection:
        days = pages.want(
            connection, to.source, database.now(connection), members=chosen, first=first, last=last
        )
    for user_id, day in days:
        click.echo(f"Member {user_id}, {day}: gets a page again with the next run of notion_daily.")
    if not days:
        click.echo("None of these pages is deleted or in the trash.")


def _say(obstacle: "Obstacle") -> None:
    if obstacle.failure is None:
        return
    click.echo(f"The last attempt came to nothing. {obstacle.failure}", err=True)
    if obstacle.try_after is not None:
        click.echo(f"The next one is made after {obstacle.try_after:%Y-%m-%d %H:%M:%S} UTC.", err=True)
