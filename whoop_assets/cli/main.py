"""The command group. Errors become one sentence on stderr and an exit status, without a traceback."""

from typing import Any

import click

from whoop_assets.cli.backfill.backfill import backfill
from whoop_assets.cli.backfill.plan import plan
from whoop_assets.cli.connect.connect import connect
from whoop_assets.cli.data.export import export
from whoop_assets.cli.data.importing import import_
from whoop_assets.cli.data.migrate_v1 import migrate_v1
from whoop_assets.cli.data.notion import notion
from whoop_assets.cli.data.quarantine import quarantine
from whoop_assets.cli.data.report import report
from whoop_assets.cli.demo.demo import demo
from whoop_assets.cli.demo.dev import dev
from whoop_assets.cli.demo.on_demo import CHOOSE_THEMSELVES, FLAG, on_demo
from whoop_assets.cli.members.members import disconnect, members
from whoop_assets.cli.members.readers import readers
from whoop_assets.cli.members.sessions import sessions
from whoop_assets.cli.operations.budget import budget
from whoop_assets.cli.operations.db import db
from whoop_assets.cli.operations.events import events
from whoop_assets.cli.operations.keys import keys
from whoop_assets.cli.operations.serve import serve
from whoop_assets.errors import WhoopError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class Commands(click.Group):
    """A command group that turns errors into one sentence and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WhoopError as error:
            end(str(error), FAILED)
        except click.UsageError as error:
            end(error.format_message(), MISUSED)
        except (KeyboardInterrupt, click.Abort):
            end("interrupted; the stored data are kept.", INTERRUPTED)
        except BrokenPipeError:
            raise  # click exits silently when the reader of the output has ended
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            end(f"the system refused it: {error.strerror or error}{where}.", FAILED)


def end(sentence: str, status: int) -> None:
    """Print the sentence on stderr and exit with the status."""
    click.echo(f"error: {' '.join(sentence.split())}", err=True)
    raise click.exceptions.Exit(status)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="whoop-assets")
@click.option(
    FLAG,
    "demo_chosen",
    is_flag=True,
    help="Use the demo's data and its simulated WHOOP instead of your settings.",
)
@click.pass_context
def main(context: click.Context, demo_chosen: bool) -> None:
    """WHOOP data in your own database, as Dagster assets partitioned by WHOOP day."""
    command = str(context.invoked_subcommand)
    context.obj = demo_chosen
    if demo_chosen and command not in CHOOSE_THEMSELVES:
        context.with_resource(on_demo(command))


for command in (
    demo,
    connect,
    members,
    disconnect,
    backfill,
    import_,
    plan,
    report,
    notion,
    export,
    serve,
    events,
    quarantine,
    readers,
    sessions,
    migrate_v1,
    budget,
    keys,
    dev,
    db,
):
    main.add_command(command)
