"""`sessions`: which browsers are signed in to the web pages, one-time links, and the end of sessions."""

from datetime import timedelta

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import IdParam
from whoop_assets.cli.printing import print_json
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

MEMBER_IDS_CAN_BE_NEGATIVE = {"ignore_unknown_options": True}


@click.group()
def sessions() -> None:
    """Sign-ins to the web pages of `serve`: list them, end them, make a one-time link."""


@sessions.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:
    """List the sessions that have not expired."""
    from whoop_assets.members import sessions as stored

    with opening.warehouse(Settings.from_environment()) as database, database.read() as connection:
        found = stored.listed(connection, database.now(connection))
    if as_json:
        entries = [
            {
                "session": session.id,
                "user_id": session.user_id,
                "made_at": session.made_at,
                "expires_at": session.expires_at,
            }
            for session in found
        ]
        print_json(entries)
        return
    for session in found:
        click.echo(
            f"{session.id}: member {session.user_id}; signed in {session.made_at:%Y-%m-%d %H:%M} UTC, until"
            f" {session.expires_at:%Y-%m-%d %H:%M} UTC"
        )
    click.echo(f"{counted(len(found), 'session')}.")


@sessions.command(context_settings=MEMBER_IDS_CAN_BE_NEGATIVE)
@click.argument("member", type=IdParam())
@click.option("--session", "session_id", type=IdParam(), help="Only this session.")
def end(member: int, session_id: int | None) -> None:
    """End a member's sessions: the browsers are signed out with their next request."""
    from whoop_assets.members import sessions as stored
    from whoop_assets.members import store as members

    with opening.warehouse(Settings.from_environment()) as database, database.write() as connection:
        members.chosen(connection, [member])
        ended = stored.end(connection, member, session_id)
        if ended:
            stored.record(connection, member, "command", "sessions ended", database.now(connection))
    click.echo(f"{counted(ended, 'session')} of member {member} ended.")


@sessions.command(context_settings=MEMBER_IDS_CAN_BE_NEGATIVE)
@click.argument("member", type=IdParam())
@click.option(
    "--hours",
    type=click.IntRange(1, 24 * 30),
    default=24,
    show_default=True,
    help="The link ends after this many hours.",
)
def link(member: int, hours: int) -> None:
    """Print a link with which a member signs in once, without WHOOP: for members from an app export."""
    from whoop_assets.members import sessions as stored
    from whoop_assets.web.connecting import page_address

    settings = Settings.from_environment()
    page_address(settings.redirect_uri, "")  # an unusable address must be found before a link is stored
    with opening.warehouse(settings) as database, database.write() as connection:
        now = database.now(connection)
        secret = stored.make_link(connection, member, now, timedelta(hours=hours))
        stored.record(connection, member, "command", "link made", now)
    click.echo(
        f"Send this link to member {member}: it signs in one browser, within {counted(hours, 'hour')}.",
        err=True,
    )
    click.echo(page_address(settings.redirect_uri, f"sign-in/{secret}"))


@sessions.command(context_settings=MEMBER_IDS_CAN_BE_NEGATIVE)
@click.argument("member", type=IdParam())
def log(member: int) -> None:
    """Print the audit log of a member: sign-ins, buttons, views by operators."""
    from whoop_assets.members import sessions as stored
    from whoop_assets.members import store as members

    with opening.warehouse(Settings.from_environment()) as database, database.read() as connection:
        members.chosen(connection, [member])
        found = stored.recorded(connection, [member])
    for _, actor, action, done_at in found:
        click.echo(f"{done_at:%Y-%m-%d %H:%M:%S} UTC  {actor}: {action}")
    click.echo(f"Entries: {len(found)}.")
