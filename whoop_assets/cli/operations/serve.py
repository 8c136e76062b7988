"""`serve`: the HTTP service, which receives WHOOP's webhooks and members' consents."""

import logging
from contextlib import suppress

import click

from whoop_assets.cli import opening
from whoop_assets.cli.processes.ports import LOOPBACK, SERVICE_PORT
from whoop_assets.settings import Settings


@click.command()
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=SERVICE_PORT,
    show_default=True,
    help="0 picks a free port.",
)
def serve(host: str, port: int) -> None:
    """Receive WHOOP's webhooks, and the consents of members, until interrupted."""
    from whoop_assets.cli.processes.processes import ended_by_signals
    from whoop_assets.web.app import create_app
    from whoop_assets.web.server import ServiceServer

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    with opening.connection(Settings.from_environment(), durable=True, create=True) as connection:
        server = ServiceServer(create_app(connection), host, port, _announce)
        # A shell that starts a process in the background lets it ignore SIGINT: the server then stops without
        # an exception.
        with suppress(KeyboardInterrupt), ended_by_signals():
            server.serve_until_stopped()
        click.echo("Ended; what was answered is stored.")


def _announce(base_url: str) -> None:
    from whoop_assets.web.app import WEBHOOK_PATH

    click.echo(f"whoop-assets listening on {base_url}; WHOOP's webhooks go to {base_url}{WEBHOOK_PATH}")
