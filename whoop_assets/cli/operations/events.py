"""`events`: webhook events, their processing state, and retries."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.printing import new_table, print_json, print_table
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.webhooks.inbox import Event

NOT_ALL_DONE = 1
NEWEST = 50
MAX_EVENTS = 1_000_000


@click.group()
def events() -> None:
    """Show webhook events and their processing state."""


@events.command("list")
@click.option(
    "--state", type=click.Choice(["open", "parked", "done"]), help="List only events in this state."
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_EVENTS),
    default=NEWEST,
    show_default=True,
    help="Maximum number of events.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_events(state: str | None, limit: int, as_json: bool) -> None:
    """List webhook events, the newest first."""
    from whoop_assets.webhooks import inbox

    with opening.warehouse(Settings.from_environment()) as database, database.read() as connection:
        found = inbox.listed(connection, state=state, limit=limit)
        figures = inbox.figures(connection)
    if as_json:
        print_json(found)
        return
    if found:
        _print(found)
    click.echo(f"{figures.open} open, {figures.parked} parked.")


@events.command()
@click.argument("trace_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(trace_id: str, as_json: bool) -> None:
    """Show one event with the body of its delivery."""
    from whoop_assets.webhooks import inbox

    with opening.warehouse(Settings.from_environment()) as database, database.read() as connection:
        event, payload = inbox.stored(connection, trace_id)
    said = dataclasses.asdict(event) | {"payload": json.loads(payload)}
    if as_json:
        print_json(said)
        return
    for name, value in said.items():
        if value is not None:
            shown = json.dumps(value) if isinstance(value, dict) else value
            click.echo(f"{name.replace('_', ' '):<17}{shown}")


@events.command()
@click.argument("trace_ids", nargs=-1, metavar="[TRACE_ID]...")
@click.option("--parked", is_flag=True, help="Retry all parked events.")
def replay(trace_ids: tuple[str, ...], parked: bool) -> None:
    """Retry events with a full number of attempts."""
    from whoop_assets.webhooks import inbox

    if parked == bool(trace_ids):
        raise click.UsageError("Name events by their TRACE_ID, or all that are parked with --parked.")
    with opening.warehouse(Settings.from_environment()) as database:
        if parked:
            with database.read() as connection:
                trace_ids = tuple(event.trace_id for event in inbox.listed(connection, state=inbox.PARKED))
        reasons = inbox.replay_events(database, trace_ids)
    stay = {trace_id: reason for trace_id, reason in reasons.items() if reason is not None}
    click.echo(f"Open again: {len(reasons) - len(stay)}.")
    for trace_id, reason in stay.items():
        click.echo(f"Event {trace_id} stays parked. {reason}", err=True)
    if stay:
        raise click.exceptions.Exit(NOT_ALL_DONE)


def _print(found: "list[Event]") -> None:
    headings = ("received", "trace id", "member", "event", "state", "attempts", "what is next, or why not")
    table = new_table(*headings, no_wrap=["received", "event"], fold=True)
    for event in found:
        table.add_row(
            f"{event.received_at:%Y-%m-%d %H:%M:%S}",
            event.trace_id,
            str(event.user_id),
            event.event_type,
            event.state,
            str(event.attempts),
            _next(event),
        )
    print_table(table)


def _next(event: "Event") -> str:
    if event.state == "parked":
        return event.reason or ""
    if event.closed_at is not None:
        return f"stored {event.closed_at:%Y-%m-%d %H:%M:%S}"
    return f"due {event.next_attempt_at:%Y-%m-%d %H:%M:%S}" + (
        f"; {event.last_error}" if event.last_error else ""
    )
