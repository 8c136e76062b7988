"""The commands `whoop-simulator serve` and `whoop-simulator export`.

`serve` is the simulator as a process, `export` writes the app's export of a member.
"""

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from whoop_simulator.errors import SimulatorError
from whoop_simulator.http.grants import App
from whoop_simulator.http.server import SimulatorServer
from whoop_simulator.world.app_export import VARIANTS, files_of, write_export
from whoop_simulator.world.world import World


class Instant(click.ParamType[datetime]):
    name = "iso"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not an ISO date or time such as 2026-03-01 or 2026-03-01T12:00:00Z", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.group()
def main() -> None:
    """A stand-in for the WHOOP platform: OAuth, the member-data API, its limits and its quirks."""


@main.command()
@click.option("--members", default=2, show_default=True, help="How many members.")
@click.option("--days", default=120, show_default=True, help="How many days of history before today.")
@click.option("--seed", default=1, show_default=True, help="The same seed and start give the same data.")
@click.option("--port", default=8766, show_default=True, help="Port to listen on; 0 picks a free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--data", type=click.Path(path_type=Path), help="Serve recorded API records from this folder.")
@click.option(
    "--state", type=click.Path(path_type=Path), help="Keep tokens, edits and the clock in this file."
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Rate limit of the app.",
)
@click.option(
    "--requests-per-day",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Rate limit of the app.",
)
@click.option("--no-limits", is_flag=True, help="Apply no rate limits, and send no X-RateLimit headers.")
@click.option(
    "--access-token-seconds",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    help="Lifetime of access tokens.",
)
@click.option(
    "--refresh-token-seconds",
    type=click.IntRange(min=1),
    help="Lifetime of refresh tokens. Default: unlimited.",
)
@click.option(
    "--client-id", default=App.client_id, show_default=True, help="Client id of the one registered app."
)
@click.option(
    "--client-secret", default=App.client_secret, show_default=True, help="Client secret of that app."
)
@click.option(
    "--redirect-uri",
    multiple=True,
    help="Registered redirect URI; repeatable. Default: any local one, https and whoop.",
)
@click.option("--now", type=Instant(), help="Start the clock at this time.")
@click.option(
    "--webhook-url",
    multiple=True,
    help="Send webhooks to this URL; repeatable. Default: the URLs in the state file, else none.",
)
def serve(
    members: int,
    days: int,
    seed: int,
    port: int,
    host: str,
    data: Path | None,
    state: Path | None,
    requests_per_minute: int,
    requests_per_day: int,
    no_limits: bool,
    access_token_seconds: int,
    refresh_token_seconds: int | None,
    client_id: str,
    client_secret: str,
    redirect_uri: tuple[str, ...],
    now: datetime | None,
    webhook_url: tuple[str, ...],
) -> None:
    """Serve until interrupted."""
    app = App(client_id, client_secret, redirect_uri, access_token_seconds, refresh_token_seconds)
    try:
        world = World(
            members=members,
            days=days,
            seed=seed,
            now=now,
            limits=not no_limits,
            requests_per_minute=requests_per_minute,
            requests_per_day=requests_per_day,
            app=app,
            data=data,
            state=state,
        )
        if webhook_url:
            world.webhooks.redirect(webhook_url)
        server = SimulatorServer(world, host, port, _announce)
    except SimulatorError as error:
        click.echo(f"whoop-simulator: {error}", err=True)
        sys.exit(1)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_until_stopped()


@main.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--member", default=1, show_default=True, help="Number of the member; 1 is the first.")
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default="full",
    show_default=True,
    help="Which files and columns the export has.",
)
@click.option("--members", default=2, show_default=True, help="How many members.")
@click.option("--days", default=120, show_default=True, help="How many days of history before today.")
@click.option("--seed", default=1, show_default=True, help="The same seed and start give the same data.")
@click.option("--now", type=Instant(), help="The time of the export.")
def export(
    target: Path, member: int, variant: str, members: int, days: int, seed: int, now: datetime | None
) -> None:
    """Write the app's data export of a member, as a zip if TARGET ends with .zip, else into that folder."""
    try:
        world = World(members=members, days=days, seed=seed, now=now, frozen=True)
        if not 1 <= member <= members:
            raise SimulatorError(f"there are {members} members, and no member {member}")
        user_id = world.user_ids[member - 1]
        write_export(target, files_of(world.truth(user_id), variant))
    except SimulatorError as error:
        click.echo(f"whoop-simulator: {error}", err=True)
        sys.exit(1)
    click.echo(f"{target}: the export of member {user_id}, {variant}")


def _announce(base_url: str) -> None:
    print(f"whoop-simulator listening on {base_url}", flush=True)
