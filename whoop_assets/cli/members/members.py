"""`members` and `disconnect`: status of the members, and the end of a connection."""

from typing import TYPE_CHECKING, Any

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import IdParam
from whoop_assets.cli.printing import new_table, print_json, print_table
from whoop_assets.errors import RECONNECT
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.db.database import Database
    from whoop_assets.planner.history import Progress
    from whoop_assets.tokens.lease import UnansweredRefresh

NOT_ALL_DONE = 1


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--keep-alive", is_flag=True, help="Renew unused tokens instead of listing the members.")
def members(as_json: bool, keep_alive: bool) -> None:
    """List the members with their status, stored data and current problems."""
    if keep_alive:
        if as_json:
            raise click.UsageError("--json and --keep-alive exclude each other: choose one.")
        _keep_alive()
        return
    from whoop_assets.sync.members.time_zone import easternmost

    settings = Settings.from_environment()
    with opening.warehouse(settings) as database:
        found = overview(database, settings)
        east = easternmost(database, settings)
    for one in found:
        one["timezone_to_set"] = east.zone if east is not None and east.user_id == one["user_id"] else None
    if as_json:
        print_json(found)
    elif found:
        _print(found)
        if east is not None:
            click.echo(east.sentence)
    else:
        click.echo(f"No member is connected: run `{RECONNECT}`, or `whoop-assets demo` to look around first.")


def _keep_alive() -> None:
    from whoop_assets.tokens.keep_alive import RENEW_AFTER, keep_alive

    with opening.connection(Settings.from_environment()) as connection:
        done = keep_alive(connection)
    for user_id in done.renewed:
        click.echo(f"Member {user_id}: the tokens are renewed.")
    if not (done.renewed or done.to_reconnect or done.failed):
        click.echo(f"Nothing to do: all tokens were renewed within the last {RENEW_AFTER.days} days.")
    for cause in done.to_reconnect.values():
        click.echo(cause, err=True)
    for user_id, cause in done.failed.items():
        click.echo(f"Member {user_id}: {cause}", err=True)
    if done.to_reconnect or done.failed:
        raise click.exceptions.Exit(NOT_ALL_DONE)


def overview(database: "Database", settings: Settings) -> list[dict[str, Any]]:
    """One entry a member, by id; no names, no e-mail addresses."""
    from whoop_assets.members import store as stored
    from whoop_assets.planner.current_plan import gather, progress_of_members
    from whoop_assets.records import load_failures, quarantine
    from whoop_assets.records.stale_days import STALE_DAYS
    from whoop_assets.sync.members import membership
    from whoop_assets.tokens import lease
    from whoop_assets.whoop_api.scopes import not_granted

    progress = progress_of_members(*gather(database, settings))
    with database.read() as connection:
        # Days before the first have no partition, and wait for an earlier WHOOP_START_DATE.
        stale = [entry.user_id for entry in STALE_DAYS.stale(connection) if entry.day >= settings.start_date]
        failing = load_failures.open_failures(connection)
        rejected = [record.user_id for record in quarantine.open_records(connection)]
        unanswered = lease.unanswered_refreshes(connection, database.now(connection))
        result = []
        for member in stored.listed(connection):
            held = membership.stored_data(connection, member.user_id)
            result.append(
                {
                    "user_id": member.user_id,
                    "status": member.status,
                    "reason": member.status_reason,
                    "mended_by": RECONNECT if member.status == stored.RECONNECTION_NEEDED else None,
                    "unanswered_exchange": _said(unanswered.get(member.user_id)),
                    "left_out": [] if member.status == stored.EXPORT_ONLY else not_granted(member.scopes),
                    "first_day": held.first_day,
                    "last_day": held.last_day,
                    "cycles": held.cycles,
                    "imported_cycles": held.imported,
                    "history": _history(progress.get(member.user_id)),
                    "stale_days": stale.count(member.user_id),
                    "quarantined": rejected.count(member.user_id),
                    "failures": {f.stream: f.cause for f in failing if f.user_id == member.user_id},
                }
            )
    return result


def _history(progress: "Progress | None") -> dict[str, Any] | None:
    """Return the progress of the first import; None for a member without a connection."""
    if progress is None:
        return None
    return {
        "read_back_to": progress.back_to,
        "percent": int(progress.share * 100),
        "complete": progress.complete,
    }


def _said(broken: "UnansweredRefresh | None") -> str | None:
    return None if broken is None else f"{broken}: the refresh token may be spent, as the next use will show"


def _print(found: list[dict[str, Any]]) -> None:
    from whoop_assets.members.store import DISCONNECTED, EXPORT_ONLY

    table = new_table(
        *("member", "status", "left out", "first day", "last day", "cycles", "history"),
        *("stale days", "quarantined", "failing"),
        right=["member", "cycles", "stale days", "quarantined"],
        no_wrap=["member", "first day", "last day"],
    )
    for one in found:
        table.add_row(
            str(one["user_id"]),
            one["status"].replace("_", " "),
            ", ".join(one["left_out"]) or "-",
            str(one["first_day"] or "-"),
            str(one["last_day"] or "-"),
            f"{one['cycles']} + {one['imported_cycles']}" if one["imported_cycles"] else str(one["cycles"]),
            _told(one["history"]),
            str(one["stale_days"]),
            str(one["quarantined"]),
            ", ".join(one["failures"]) or "-",
        )
    print_table(table)
    for one in found:
        if one["mended_by"]:
            click.echo(
                f"Member {one['user_id']}: {one['reason'] or one['status']}; `{one['mended_by']}` fixes it."
            )
        elif one["status"] == EXPORT_ONLY:
            click.echo(
                f"Member {one['user_id']}: only from the app's export. Import a later export with"
                f" `whoop-assets import EXPORT --member {one['user_id']}`."
            )
        elif one["status"] == DISCONNECTED:
            click.echo(f"Member {one['user_id']}: {one['reason'] or one['status']}.")
        elif one["unanswered_exchange"]:
            click.echo(f"Member {one['user_id']}: {one['unanswered_exchange']}.")
        for stream, cause in one["failures"].items():
            click.echo(f"Member {one['user_id']}, {stream}: {cause}")


def _told(history: dict[str, Any] | None) -> str:
    if history is None:
        return "-"
    if history["complete"]:
        return "complete"
    return (
        f"back to {history['read_back_to']}, {history['percent']}%"
        if history["read_back_to"]
        else "not read yet"
    )


# The ids of members from an export are negative: `disconnect -1` is no option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("member", type=IdParam())
@click.option(
    "--erase",
    is_flag=True,
    help="Also delete the member's data: rows, reports, lines and charts in Dagster's event log, Iceberg"
    " rows with old snapshots, and Notion pages.",
)
@click.option("--yes", is_flag=True, help="Erase without confirmation.")
def disconnect(member: int, erase: bool, yes: bool) -> None:
    """Revoke a member's consent at WHOOP and delete the tokens."""
    from whoop_assets.members import store as stored
    from whoop_assets.sinks.notion import pages as notion_pages
    from whoop_assets.sync.members import membership

    settings = Settings.from_environment()
    with opening.warehouse(settings) as database:
        with database.read() as connection:
            status = stored.status(connection, member)
            pages = notion_pages.of_member(connection, member)
        if status == stored.EXPORT_ONLY and not erase:
            raise click.UsageError(
                f"Member {member} comes from an export alone and is not connected: --erase deletes what is"
                f" stored."
            )
        if status is None and not erase:
            raise stored.unknown(member)
        if erase and status is not None and not yes and not _wanted(member):
            click.echo("Nothing was done.")
            return
        revoked = True
        if status == stored.EXPORT_ONLY:
            with database.write([member]) as connection:
                rows = membership.erase_member(connection, member)
            click.echo(f"Member {member} is gone; rows erased: {rows}.")
        elif status is not None:
            revoked = _disconnect(settings, member, erase=erase)
        everything = not erase or _erase_outside_tables(settings, database, member, pages, status)
    if not revoked:
        click.echo("The grant could not be ended at WHOOP: end it in the WHOOP app.", err=True)
    if not revoked or not everything:
        raise click.exceptions.Exit(NOT_ALL_DONE)


def _disconnect(settings: Settings, member: int, *, erase: bool) -> bool:
    """Returns whether the grant has ended at WHOOP."""
    from whoop_assets.sync.members.connecting import disconnect_member

    with opening.connection(settings) as connection:
        done = disconnect_member(connection, member, erase=erase)
    if erase:
        click.echo(f"Member {member} is disconnected; rows erased: {done.rows}.")
    else:
        click.echo(f"Member {member} is disconnected and the tokens are deleted; the records are kept.")
    return done.revoked


def _erase_outside_tables(
    settings: Settings, database: "Database", member: int, pages: list[str], status: str | None
) -> bool:
    """Returns whether everything that is known could be reached.

    Raises:
        UnknownMember: The member was not stored, and nothing was found elsewhere.
    """
    from whoop_assets.cli.members.erase import NOT_REACHABLE, erase_outside_tables
    from whoop_assets.members import store as stored

    done = erase_outside_tables(settings, database, member, pages)
    if status is None and not done.found and not done.left:
        raise stored.unknown(member)
    for sentence in done.removed:
        click.echo(sentence)
    click.echo(NOT_REACHABLE)
    for sentence in done.left:
        click.echo(sentence, err=True)
    return not done.left


def _wanted(member: int) -> bool:
    from whoop_assets.cli.prompts import NoAnswer, agreed

    try:
        return agreed(f"Erase every row of member {member}? This cannot be undone")
    except NoAnswer:
        raise NoAnswer(
            "Whether to erase was not answered, and nothing was done: answer y, or add --yes to erase"
            " without being asked."
        ) from None
