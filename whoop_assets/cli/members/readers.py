"""`readers`: keys that read daily rows of members over HTTP."""

from typing import TYPE_CHECKING, Any

import click

from whoop_assets.cli import opening
from whoop_assets.cli.options import IdParam, members_option
from whoop_assets.cli.printing import print_json
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.members.readers import ReaderEntry

REQUESTS_PER_MINUTE = 120


@click.group()
def readers() -> None:
    """Manage the keys that read daily rows over HTTP."""


@readers.command()
@click.argument("label")
@members_option("members", "A member whose rows the key can read.", required=True)
@click.option(
    "--requests-per-minute",
    "rate",
    type=click.IntRange(1, 100_000),
    default=REQUESTS_PER_MINUTE,
    show_default=True,
    help="Maximum number of requests per minute.",
)
def add(label: str, members: tuple[int, ...], rate: int) -> None:
    """Create a key for the daily rows of the given members.

    The command prints the key once, on a line of stdout. The database stores only its hash.
    """
    from whoop_assets.members import readers as stored

    with opening.warehouse(Settings.from_environment()) as database, database.write() as connection:
        number, key = stored.add(connection, label, members, database.now(connection), rate)
    whom = counted(len(set(members)), "member")
    click.echo(f"Reader {number} reads the days of {whom}. The key is not kept: note it now.", err=True)
    click.echo(key)


@readers.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_readers(as_json: bool) -> None:
    """List the readers, including the revoked ones. Keys are not stored and not shown."""
    from whoop_assets.members import readers as stored

    with opening.warehouse(Settings.from_environment()) as database, database.read() as connection:
        found = stored.listed(connection)
    if as_json:
        print_json([_said(entry) for entry in found])
        return
    for entry in found:
        whose = ", ".join(map(str, entry.members)) or "no member"
        state = "" if entry.revoked_at is None else f"; revoked {entry.revoked_at:%Y-%m-%d %H:%M} UTC"
        click.echo(
            f"{entry.id}: {entry.label}; reads {whose}; {counted(entry.requests_per_minute, 'request')} a"
            f" minute; made {entry.made_at:%Y-%m-%d}{state}"
        )
    good = sum(entry.revoked_at is None for entry in found)
    click.echo(f"{good} good, {len(found) - good} revoked.")


@readers.command()
@click.argument("reader", type=IdParam())
def revoke(reader: int) -> None:
    """Revoke a reader's key. The next request with it is rejected."""
    from whoop_assets.members import readers as stored

    with opening.warehouse(Settings.from_environment()) as database, database.write() as connection:
        ended = stored.revoke(connection, reader, database.now(connection))
    click.echo(f"Reader {reader} {'is revoked' if ended else 'had been revoked before'}.")


def _said(entry: "ReaderEntry") -> dict[str, Any]:
    return {
        "reader": entry.id,
        "label": entry.label,
        "members": list(entry.members),
        "requests_per_minute": entry.requests_per_minute,
        "made_at": entry.made_at,
        "revoked_at": entry.revoked_at,
    }
