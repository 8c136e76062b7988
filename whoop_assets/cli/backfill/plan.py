"""`plan`: the next readings with reasons and cost."""

from typing import TYPE_CHECKING, Any

import click

from whoop_assets.cli import opening
from whoop_assets.cli.printing import new_table, print_json, print_table
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.planner import Plan
    from whoop_assets.planner.current_plan import Group

SHOWN = 12


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the whole plan as JSON.")
def plan(as_json: bool) -> None:
    """Show which readings are due, which come next, their reasons, and the expected requests per day."""
    from whoop_assets.planner.current_plan import plan_now
    from whoop_assets.sync.members.time_zone import easternmost

    settings = Settings.from_environment()
    with opening.warehouse(settings) as database:
        made = plan_now(database, settings)
        east = easternmost(database, settings)
    if as_json:
        found = described(made) | {"timezone_to_set": None if east is None else east.zone}
        print_json(found)
        return
    _print(made)
    if east is not None:
        click.echo(east.sentence)


def described(made: "Plan") -> dict[str, Any]:
    """The plan as plain values; members by their WHOOP user ids, times in UTC."""
    from whoop_assets.planner.current_plan import grouped

    return {
        "at": made.now,
        "next_at": made.next_at,
        "webhooks_work": made.webhooks,
        "stretch": round(made.stretch, 2),
        "expected_requests_per_day": made.expected,
        "due": [_entry(group) for group in grouped(made.due)],
        "waiting_for_the_budget": [_entry(group) for group in grouped(made.held)],
        "later": [_entry(group) for group in grouped(made.later)],
    }


def _entry(group: "Group") -> dict[str, Any]:
    one = group.any
    return {
        "reason": one.reason.value,
        "why": one.reason.sentence,
        "due": min(reading.due for reading in group.tasks).isoformat(timespec="seconds"),
        "lane": one.lane,
        "streams": list(one.streams),
        "first_day": one.first.isoformat(),
        "last_day": one.last.isoformat(),
        "members": list(group.members),
        "requests": group.requests,
    }


def _print(made: "Plan") -> None:
    found = described(made)
    for title, entries in (
        ("Due now", found["due"]),
        ("Due, but waiting for the request budget", found["waiting_for_the_budget"]),
        ("Later", sorted(found["later"], key=lambda entry: entry["due"])),
    ):
        if not entries:
            continue
        headings = ("due (UTC)", "members", "days", "streams", "lane", "requests", "why")
        table = new_table(*headings, right=["requests"], no_wrap=["due (UTC)"], title=title)
        for one in entries[:SHOWN]:
            table.add_row(
                one["due"][:16].replace("T", " "),
                str(one["members"][0]) if len(one["members"]) == 1 else f"{len(one['members'])} members",
                f"{one['first_day']} to {one['last_day']}",
                ", ".join(one["streams"]),
                one["lane"],
                str(one["requests"]),
                one["why"],
            )
        print_table(table)
        if len(entries) > SHOWN:
            click.echo(f"... and {len(entries) - SHOWN} more: --json shows all.")
    if not found["due"]:
        click.echo("Nothing is due now.")
    spent = ", ".join(f"{name} {requests:g}" for name, requests in made.expected.items() if requests)
    click.echo(f"Expected requests a day: {spent or 'none'}.")
    click.echo(
        "Webhooks come as they usually do."
        if made.webhooks
        else "Webhooks do not come, or not as they usually do."
    )
    if made.stretch > 1.0:
        click.echo(
            f"Re-reading is stretched {made.stretch:.1f}-fold, to fit into its share of the day's budget."
        )
