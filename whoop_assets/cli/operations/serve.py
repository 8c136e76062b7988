"""`serve`: the HTTP service with webhooks, the daily API, and the web pages for members and operators."""

import gc
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.processes.ports import LOOPBACK, SERVICE_PORT
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.sync.session import WhoopSession

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=SERVICE_PORT,
    show_default=True,
    help="Port to listen on; 0 picks a free port.",
)
@click.option(
    "--trusted-proxies",
    default="",
    metavar="ADDRESSES",
    help="Addresses or networks of proxies whose X-Forwarded-For names the client, separated by commas;"
    " * for all. Sign-ins are limited by client.",
)
def serve(host: str, port: int, trusted_proxies: str) -> None:
    """Receive WHOOP's webhooks and serve the daily API and the web pages, until interrupted."""
    from whoop_assets.cli.processes.processes import ended_by_signals
    from whoop_assets.web.app import create_app
    from whoop_assets.web.pages.renderer_process import RendererProcess
    from whoop_assets.web.server import ServiceServer

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    with opening.connection(Settings.from_environment(), durable=True, create=True) as connection:
        renderer = RendererProcess(connection.settings)
        app = create_app(connection, partial(_erase_member, connection), renderer=renderer)
        server = ServiceServer(app, host, port, _announce, trusted_proxies=trusted_proxies)
        # A full garbage collection of all modules takes 60 ms and more, in which no delivery is answered.
        gc.freeze()
        # A shell that starts a process in the background lets it ignore SIGINT: the server then stops without
        # an exception.
        with suppress(KeyboardInterrupt), ended_by_signals():
            server.serve_until_stopped()
        click.echo("Ended; what was answered is stored.")


def _erase_member(connection: "WhoopSession", user_id: int) -> bool:
    """Do what `disconnect --erase` does. Returns whether every copy was reached, and logs the others."""
    from whoop_assets.cli.members.erase import erase_outside_tables
    from whoop_assets.sinks.notion import pages as notion_pages
    from whoop_assets.sync.members.connecting import disconnect_member

    database = connection.database
    with database.read() as transaction:
        pages = notion_pages.of_member(transaction, user_id)
    is_revoked = disconnect_member(connection, user_id, erase=True).revoked
    done = erase_outside_tables(connection.settings, database, user_id, pages)
    for sentence in done.left:
        log.error("A member deleted their data, and something is left. %s", sentence)
    return is_revoked and not done.left


def _announce(base_url: str) -> None:
    from whoop_assets.web import WEBHOOK_PATH

    click.echo(f"whoop-assets listening on {base_url}; WHOOP's webhooks go to {base_url}{WEBHOOK_PATH}")
