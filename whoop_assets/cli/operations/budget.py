"""`budget`: use of WHOOP's rate limits per process, and the time of the next request."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from whoop_assets.cli import opening
from whoop_assets.cli.printing import new_table, print_json, print_table
from whoop_assets.request_budget.lanes import LANES
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.request_budget.usage import BudgetReport


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def budget(as_json: bool) -> None:
    """Show WHOOP's rate limits, their use by each process, and when requests are possible again."""
    from whoop_assets.request_budget.budget import RequestBudget
    from whoop_assets.request_budget.usage import report

    settings = Settings.from_environment()
    with opening.warehouse(settings) as database, database.read() as connection:
        own = RequestBudget(
            database, per_minute=settings.requests_per_minute, per_day=settings.requests_per_day
        )
        found = report(connection, own, database.now(connection))
    if as_json:
        print_json(as_data(found))
    else:
        _print(found)


def as_data(found: "BudgetReport") -> dict[str, Any]:
    """The report as a document; times in UTC."""
    return {
        "at": found.at,
        "windows": [
            {
                "seconds": window.seconds,
                "limit": window.limit,
                "stated_by_whoop_at": window.stated_at,
                "used": window.used,
                "by_lane": window.by_lane,
                "left_by_whoops_count": window.whoop_left,
            }
            for window in found.windows
        ],
        "next_slot": found.next_slot,
        "closed_until": found.gate.not_before if found.closed else None,
        "last_429_at": found.gate.limited_at,
        "share_in_use": round(found.gate.share, 3),
        "waiting": found.waiting,
        "used_by": found.users,
    }


def _print(found: "BudgetReport") -> None:
    numbers = ("used", "limit", *LANES)
    windows = new_table("window", *numbers, "limit from", right=numbers)
    for window in found.windows:
        source = "configuration" if window.stated_at is None else f"WHOOP, {_utc(window.stated_at)}"
        lanes = [str(window.by_lane[lane]) for lane in LANES]
        windows.add_row(_length(window.seconds), str(window.used), str(window.limit), *lanes, source)
    print_table(windows)
    if found.users:
        numbers = ("last minute", "last day")
        users = new_table("used by", "lane", *numbers, right=numbers)
        for user in found.users:
            users.add_row(user.used_by or "-", user.lane, str(user.minute), str(user.day))
        print_table(users)
    for sentence in sentences(found):
        click.echo(sentence)


def sentences(found: "BudgetReport") -> list[str]:
    """Return sentences about the next possible request, the last 429, and waiting requests."""
    said = []
    later = {lane: moment for lane, moment in found.next_slot.items() if moment > found.at}
    if not later:
        said.append("Every lane can send at once.")
    for lane, moment in later.items():
        seconds = (moment - found.at).total_seconds()
        said.append(f"The {lane} lane can send again at {_utc(moment)}, in {seconds:,.0f} s.")
    if found.closed:
        said.append(f"WHOOP answered 429: no request before {_utc(found.gate.not_before)}.")
    elif found.gate.share < 1.0:
        said.append(
            f"After the 429 of {_utc(found.gate.limited_at)} {found.gate.share:.0%} of the rate is in use; a"
            " tenth more with each minute."
        )
    for window in found.windows:
        if window.whoop_left is not None:
            said.append(
                f"WHOOP counted more in the window of {_length(window.seconds)} than was sent from here"
                f" ({window.whoop_left} were left): something else uses the same app."
            )
    if found.waiting:
        said.append(f"{len(found.waiting)} waiting, the longest since {_utc(found.waiting[0].since)}.")
    return said


def _length(seconds: int) -> str:
    return {60: "a minute", 3600: "an hour", 86_400: "a day"}.get(seconds, f"{seconds} s")


def _utc(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
