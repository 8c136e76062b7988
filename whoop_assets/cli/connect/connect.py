"""`connect`: a member consents and is stored.

The five ways differ in how the redirect reaches the command.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.errors import RECONNECT, WhoopError
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.sync.members.connecting import Connected
    from whoop_assets.sync.members.time_zone import EasternMember
    from whoop_assets.sync.session import WhoopSession

FIRST_BACKFILL = timedelta(days=365)
LINK_HOURS = 24


@click.command()
@click.option("--no-browser", is_flag=True, help="Print the URL on a line instead of opening a browser.")
@click.option(
    "--paste",
    is_flag=True,
    help="Ask for the URL that WHOOP redirected the browser to. This works with any redirect URI.",
)
@click.option(
    "--tokens",
    is_flag=True,
    help="Ask for an access token and a refresh token that another program obtained.",
)
@click.option(
    "--link", is_flag=True, help="Print a link that connects one member through `whoop-assets serve`."
)
@click.option(
    "--hours",
    type=click.IntRange(1, 24 * 30),
    default=LINK_HOURS,
    show_default=True,
    help="Hours for which the link is valid.",
)
def connect(no_browser: bool, paste: bool, tokens: bool, link: bool, hours: int) -> None:
    """Connect a member: open WHOOP's consent page and wait for the redirect."""
    if no_browser + paste + tokens + link > 1:
        raise click.UsageError("--no-browser, --paste, --tokens and --link exclude each other: choose one.")
    settings = Settings.from_environment()
    if link:
        _print_link(settings, hours)
        return
    with opening.connection(settings, create=True) as connection:
        connection.require_key()  # a key that cannot be used is found before WHOOP gives tokens, not after
        if tokens:
            from whoop_assets.cli.connect.given_tokens import connect_with_tokens

            connected = connect_with_tokens(connection)
        elif paste:
            connected = _by_pasting(connection)
        else:
            from whoop_assets.cli.connect.redirect import connect_by_redirect

            connected = connect_by_redirect(connection, _print_url if no_browser else _open_browser)
        report(connection, connected)


def report(connection: "WhoopSession", connected: "Connected") -> None:
    """Print the member's id, the streams without a scope, and the next command.

    Also says whether WHOOP_TIMEZONE fits the member.
    """
    from whoop_assets.whoop_api.scopes import SCOPE_OF

    click.echo(f"Member {connected.user_id} is connected.")
    for stream in connected.left_out:
        click.echo(
            f"Left out: {stream}, because {SCOPE_OF[stream]} was not granted; `{RECONNECT}` again changes"
            f" that."
        )
    settings = connection.settings
    east = east_of_setting(connection, connected.user_id)
    if east is not None:
        click.echo(east.sentence)
    today = settings.today(connection.clock.now())
    if settings.start_date > today:
        click.echo(
            f"There is no day to backfill before {settings.start_date}: set WHOOP_START_DATE to an earlier"
            f" day."
        )
        return
    first = max(settings.start_date, today - FIRST_BACKFILL)
    click.echo(
        f"Next: `whoop-assets backfill --from {first} --to {today}`, then `whoop-assets dev` for the"
        f" Dagster UI."
    )


def east_of_setting(connection: "WhoopSession", user_id: int) -> "EasternMember | None":
    """The member, if WHOOP_TIMEZONE lies west of where the newest cycle began; it costs one request.

    None also if the cycle cannot be read now: `members`, `plan` and a check find the same later.
    """
    from whoop_assets.records.day_assignment import offset_of
    from whoop_assets.records.parsed_record import ParsedRecord
    from whoop_assets.sync.members.time_zone import east_of
    from whoop_assets.sync.parsing import parse_record
    from whoop_assets.sync.session import CONNECT_LANE
    from whoop_assets.whoop_api.streams import CYCLES

    try:
        page = connection.client(user_id, CONNECT_LANE).page(CYCLES, limit=1)
    except WhoopError:
        return None
    taken = [parse_record(CYCLES, raw, user_id, page.requested_at, page.endpoint) for raw in page.records]
    history = [
        (one.start, offset_of(one.fields["timezone_offset"]))
        for one in taken
        if isinstance(one, ParsedRecord) and one.start is not None
    ]
    return east_of(user_id, history, connection.settings.timezone, connection.clock.now())


def _by_pasting(connection: "WhoopSession") -> "Connected":
    from whoop_assets.cli.prompts import ask
    from whoop_assets.sync.members.connecting import connect_with_code
    from whoop_assets.whoop_api.scopes import SCOPES

    state = connection.oauth.new_state()
    click.echo("Open this page, agree, and copy the address that the browser is sent to:", err=True)
    click.echo(connection.oauth.authorization_url(SCOPES, state))
    code = connection.oauth.read_redirect(ask("URL that the browser was sent to"), state)
    return connect_with_code(connection, code)


def _print_link(settings: Settings, hours: int) -> None:
    from whoop_assets.members import invitations
    from whoop_assets.web.connecting import page_address

    page_address(settings.redirect_uri, "")  # an address that cannot be is found before anything is stored
    with opening.connection(settings, create=True) as connection:
        _ = connection.cipher  # so is a key that cannot be used: not when the member comes back from WHOOP
        with connection.database.write() as transaction:
            now = connection.database.now(transaction)
            secret = invitations.invite(transaction, now, timedelta(hours=hours))
    click.echo(f"Send this link to the member: it connects one, within {counted(hours, 'hour')}.", err=True)
    click.echo(page_address(settings.redirect_uri, f"connect/{secret}"))


def _print_url(url: str) -> None:
    click.echo("Open this page in a browser of this machine, and agree:", err=True)
    click.echo(url)


def _open_browser(url: str) -> None:
    import webbrowser

    opened = webbrowser.open(url)
    click.echo(
        "WHOOP's consent page is open in your browser." if opened else "No browser could be opened.", err=True
    )
    click.echo("If no browser window appears, open this page:", err=True)
    click.echo(url)
