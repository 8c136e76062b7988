"""The command `backfill`: reads a range of days again and rebuilds its summaries.

It uses one Dagster run in this process.
"""

from calendar import monthrange
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import DayParam, members_option
from whoop_assets.errors import RECONNECT, WhoopError
from whoop_assets.report.formatting import counted, members_text
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.cli.backfill.range_run import BackfillRange, BackfillResult
    from whoop_assets.cli.backfill.run_watcher import Watcher
    from whoop_assets.db.database import Database
    from whoop_assets.records.load_failures import Failure
    from whoop_assets.sync.session import WhoopSession

NOT_ALL_DONE = 1
MAX_MONTHS = 12 * 100
_MAX_NAMED = 3


class BackfillIncomplete(WhoopError):
    """Not everything that was asked for could be read."""


class NobodyConnected(WhoopError):
    """There is no member to read."""


@click.command()
@click.option("--from", "first", type=DayParam(), help="The first WHOOP day, YYYY-MM-DD.")
@click.option("--to", "last", type=DayParam(), help="The last WHOOP day, included.")
@click.option(
    "--months", type=click.IntRange(1, MAX_MONTHS), help="Read this many months up to today instead."
)
@click.option(
    "--all", "everything", is_flag=True, help="Read every day from WHOOP_START_DATE to today instead."
)
@members_option("members", "Read only the member with this WHOOP user id.")
@click.option(
    "--force",
    is_flag=True,
    help="Read all days again, also those that an unfinished backfill has already read.",
)
def backfill(
    first: date | None,
    last: date | None,
    months: int | None,
    everything: bool,
    members: tuple[int, ...],
    force: bool,
) -> None:
    """Read a range of days of all members and rebuild their summaries.

    Choose the days with --from and --to, with --months, or with --all.
    """
    from whoop_assets.cli.backfill.range_run import BackfillRange
    from whoop_assets.cli.processes.processes import ended_by_signals

    settings = Settings.from_environment()
    now = datetime.now(UTC)
    name = ""
    if everything or months is not None:
        if first or last or (everything and months is not None):
            raise click.UsageError("Choose one of --from with --to, --months, and --all.")
        last = settings.today(now)
        first = (
            settings.start_date if months is None else max(months_before(last, months), settings.start_date)
        )
        # The days change at midnight. The name of the work must not, or the command could not resume on the
        # next day.
        name = "all" if months is None else f"{months} months"
    if first is None or last is None:
        raise click.UsageError("Which days? Give --from and --to, or --months, or --all.")
    check_days(first, last, settings, now)
    with ended_by_signals():
        run_backfill(settings, BackfillRange(first, last, members, name), force=force)


def months_before(day: date, months: int) -> date:
    """Return the same day of an earlier month, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def check_days(first: date, last: date, settings: Settings, now: datetime) -> None:
    """Raise click.UsageError for days that have no partition."""
    today = settings.today(now)
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}: exchange them.")
    if first < settings.start_date:
        raise click.UsageError(
            f"--from {first} is before the first day, {settings.start_date}: set WHOOP_START_DATE to an"
            " earlier day, or begin there."
        )
    if last > today:
        raise click.UsageError(
            f"--to {last} has not come yet: the last day is today, {today} in {settings.timezone}."
        )


def run_backfill(
    settings: Settings, wanted: "BackfillRange", *, force: bool
) -> "tuple[BackfillResult, Watcher]":
    """Execute the run, show its progress, and print the result.

    Exits with status 1 if only quarantined records are missing.

    Raises:
        BackfillIncomplete: Data are missing.
    """
    from whoop_assets.cli.backfill.dagster_home import dagster_home, open_instance
    from whoop_assets.cli.backfill.progress import showing
    from whoop_assets.cli.backfill.range_run import INCOMPLETE_TAG, run_range, unfinished_since
    from whoop_assets.cli.backfill.run_watcher import Watcher
    from whoop_assets.records import load_failures

    with opening.connection(settings) as connection:
        check_way(connection, wanted)
        database = connection.database
        with open_instance(dagster_home(settings)) as instance:
            since = None if force else unfinished_since(instance, wanted)
            if since is not None:
                click.echo(
                    f"Taking up the unfinished backfill that has read since {since:%Y-%m-%d %H:%M} UTC: what"
                    " it read is not read again (--force does)."
                )
            with database.read() as transaction:
                began = database.now(transaction)
            with showing(database, wanted.days) as display:
                watcher = Watcher(display)
                ran = run_range(instance, wanted, watcher, since=since)
            with database.read() as transaction:
                failed = load_failures.open_failures(transaction, run_id=ran.run_id)
            if failed:
                instance.add_run_tags(ran.run_id, {INCOMPLETE_TAG: str(len(failed))})
        for warning in dict.fromkeys(watcher.warnings):
            click.echo(f"warning: {warning}", err=True)
        for failure in failed:
            click.echo(f"member {failure.user_id}, {failure.stream}: {failure.cause}", err=True)
        _say(settings, wanted, ran, watcher, database)
        understood = _all_understood(database, wanted, since or began)
        require_complete(ran, watcher, failed)
        if not understood:
            raise click.exceptions.Exit(NOT_ALL_DONE)
    return ran, watcher


def check_way(connection: "WhoopSession", wanted: "BackfillRange") -> None:
    """Raise the error that would end the run at its first request.

    There is no member, or a URL or the token key is not usable.
    """
    from whoop_assets.members import store as members
    from whoop_assets.tokens import store as token_store

    with connection.database.read() as transaction:
        chosen = [
            member
            for member in members.chosen(transaction, wanted.members)
            if member.status != members.EXPORT_ONLY
        ]
        if not chosen:
            raise NobodyConnected(f"No member is connected: run `{RECONNECT}` first.")
        connection.require_key()
        for member in chosen:
            if member.status == members.CONNECTED:
                token_store.load(transaction, member.user_id, connection.cipher)
                connection.client(member.user_id, "backfill")


def _say(
    settings: Settings,
    wanted: "BackfillRange",
    ran: "BackfillResult",
    watcher: "Watcher",
    database: "Database",
) -> None:
    from whoop_assets.records.stale_days import STALE_DAYS

    rows = ", ".join(f"{name} {count}" for name, count in watcher.rows.items() if count)
    figures = watcher.figures
    click.echo(
        f"{counted(wanted.days, 'day')}: {counted(figures['requests'], 'request')}, {ran.seconds:.1f} s;"
        f" {counted(figures['created'], 'record')} new, {figures['changed']} changed,"
        f" {figures['deleted']} deleted."
    )
    click.echo(f"Rows of these days: {rows or 'none'}.")
    with database.read() as connection:
        left = [
            entry
            for entry in STALE_DAYS.stale(connection)
            # Days before the first have no partition, and wait for an earlier WHOOP_START_DATE.
            if entry.day >= settings.start_date and not wanted.holds(entry.user_id, entry.day)
        ]
    if left:
        click.echo(
            f"Outside this range, {counted(len(left), 'day')} with changed records need a new summary: the"
            " sensor stale_summaries builds it while Dagster runs (`whoop-assets dev`)."
        )


def _all_understood(database: "Database", wanted: "BackfillRange", since: datetime) -> bool:
    """Whether no record was kept in quarantine since then; says which were."""
    from whoop_assets.records import quarantine

    with database.read() as connection:
        rejected = [
            record
            for record in quarantine.open_records(connection)
            if record.last_seen_at >= since and (not wanted.members or record.user_id in wanted.members)
        ]
    if rejected:
        named = [
            f"member {record.user_id}, {record.stream}: {record.reason.rstrip('.')}"
            for record in rejected[:_MAX_NAMED]
        ]
        if len(rejected) > _MAX_NAMED:
            named.append("...")
        were = (
            "1 record was not understood and is"
            if len(rejected) == 1
            else f"{len(rejected)} records were not understood and are"
        )
        click.echo(f"warning: {were} kept in the table quarantine ({'; '.join(named)})", err=True)
    return not rejected


def require_complete(ran: "BackfillResult", watcher: "Watcher", failed: "list[Failure]") -> None:
    """Raise when the run, or the load of any member's stream in it, failed."""
    if failed:
        user_ids = {failure.user_id for failure in failed}
        raise BackfillIncomplete(
            f"{counted(len(failed), 'load')} of {members_text(user_ids)} did not complete;"
            " the data read so far are kept. Fix the causes above, then run the same command again to resume."
        )
    if not ran.success:
        cause = watcher.cause or "the Dagster UI shows why"
        raise BackfillIncomplete(f"The run {ran.run_id} failed: {cause.rstrip('.')}.")
