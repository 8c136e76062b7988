"""`backfill`: read a range of days again and rebuild its summaries, through Dagster, in one run of this process."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from whoop_assets.cli import opening
from whoop_assets.errors import WhoopError
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.cli.range_run import Ran, Range
    from whoop_assets.cli.watching import Watcher
    from whoop_assets.warehouse.database import Database


class BackfillIncomplete(WhoopError):
    """Not everything that was asked for could be read."""


class NobodyConnected(WhoopError):
    """There is no member to read."""


class Day(click.ParamType[date]):
    """A WHOOP day on the command line."""

    name = "day"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date: write it as YYYY-MM-DD.", param, ctx)


@click.command()
@click.option("--from", "first", type=Day(), required=True, help="First WHOOP day, YYYY-MM-DD.")
@click.option("--to", "last", type=Day(), required=True, help="Last WHOOP day, included.")
@click.option(
    "--member", "members", type=int, multiple=True, help="Only this WHOOP user id; may be repeated."
)
@click.option(
    "--force", is_flag=True, help="Read everything again, also what an unfinished backfill has just read."
)
def backfill(first: date, last: date, members: tuple[int, ...], force: bool) -> None:
    """Read the days --from ... --to of every member again and rebuild their summaries."""
    from whoop_assets.cli.processes import ended_by_signals
    from whoop_assets.cli.range_run import Range

    settings = Settings.from_environment()
    check_days(first, last, settings, datetime.now(UTC))
    with ended_by_signals():
        run_backfill(settings, Range(first, last, members), force=force)


def check_days(first: date, last: date, settings: Settings, now: datetime) -> None:
    """Raise click.UsageError for days that have no partition."""
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}: exchange them.")
    if first < settings.start_date:
        raise click.UsageError(
            f"--from {first} is before the first day, {settings.start_date}: set WHOOP_START_DATE to an earlier day, or"
            " begin there."
        )
    if last > today:
        raise click.UsageError(
            f"--to {last} has not come yet: the last day is today, {today} in {settings.timezone}."
        )


def run_backfill(settings: Settings, wanted: "Range", *, force: bool) -> "tuple[Ran, Watcher]":
    """Run it, show how far it is, say what it came to; raises BackfillIncomplete when something is missing."""
    from whoop_assets.cli.dagster_home import dagster_home, open_instance
    from whoop_assets.cli.progress import showing
    from whoop_assets.cli.range_run import run_range, unfinished_since
    from whoop_assets.cli.watching import Watcher
    from whoop_assets.warehouse import members as stored

    settings.require_client()
    with opening.warehouse(settings) as database:
        with database.read() as connection:
            if not stored.chosen(connection, wanted.members):
                raise NobodyConnected("No member is connected: run `whoop-assets connect` first.")
        with open_instance(dagster_home(settings)) as instance:
            since = None if force else unfinished_since(instance, wanted)
            if since is not None:
                click.echo(
                    f"Taking up the unfinished backfill that has read since {since:%Y-%m-%d %H:%M} UTC: what it read is"
                    " not read again (--force does)."
                )
            with showing(database, wanted.days) as display:
                watcher = Watcher(display)
                ran = run_range(instance, wanted, watcher, since=since)
        for warning in dict.fromkeys(watcher.warnings):
            click.echo(f"warning: {warning}", err=True)
        _say(settings, wanted, ran, watcher, database)
        _judge(ran, watcher, database)
    return ran, watcher


def _say(settings: Settings, wanted: "Range", ran: "Ran", watcher: "Watcher", database: "Database") -> None:
    from whoop_assets.warehouse import stale_days

    rows = ", ".join(f"{name} {count}" for name, count in watcher.rows.items() if count)
    figures = watcher.figures
    click.echo(
        f"{wanted.days} days: {figures['requests']} requests, {ran.seconds:.1f} s; {figures['created']} records new,"
        f" {figures['changed']} changed, {figures['deleted']} deleted."
    )
    click.echo(f"Rows of these days: {rows or 'none'}.")
    with database.read() as connection:
        left = [
            entry
            for entry in stale_days.stale(connection)
            # Days before the first have no partition, and wait for an earlier WHOOP_START_DATE.
            if entry.day >= settings.start_date and not wanted.holds(entry.user_id, entry.day)
        ]
    if left:
        click.echo(
            f"{len(left)} summaries outside this range are behind their records: the sensor stale_summaries rebuilds"
            " them while Dagster runs (`make dev`)."
        )


def _judge(ran: "Ran", watcher: "Watcher", database: "Database") -> None:
    """Raise when the run, or the load of any member's stream in it, failed."""
    from whoop_assets.warehouse import failures

    with database.read() as connection:
        failed = failures.open_failures(connection, run_id=ran.run_id)
    for failure in failed:
        click.echo(f"member {failure.user_id}, {failure.stream}: {failure.cause}", err=True)
    if failed:
        who = ", ".join(str(user_id) for user_id in sorted({failure.user_id for failure in failed}))
        raise BackfillIncomplete(
            f"{len(failed)} {'load' if len(failed) == 1 else 'loads'} of member {who} did not complete; what was read is kept, and the same command goes on"
            " from there once the causes above have passed or been mended."
        )
    if not ran.success:
        raise BackfillIncomplete(
            f"The run {ran.run_id} failed: {watcher.cause or 'the Dagster UI shows why'}."
        )
