"""`demo`: a simulated WHOOP with invented members in a separate folder, connected and backfilled."""

import os
import shutil
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from whoop_assets.cli import opening
from whoop_assets.cli.demo import folder as demo_folder
from whoop_assets.cli.demo.folder import Demo
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.cli.backfill.range_run import BackfillResult
    from whoop_assets.cli.backfill.run_watcher import Watcher

DAYS = 120
MEMBERS = 2
SHOWN_ROWS = 14
_EARLIER = 10  # days the members have worn the strap before the first day shown


@click.command()
@click.option("--days", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="Number of days.")
@click.option(
    "--members", type=click.IntRange(1, 50), default=MEMBERS, show_default=True, help="Number of members."
)
def demo(days: int, members: int) -> None:
    """Try the project without an account.

    Starts a simulated WHOOP with invented members, loads their days through Dagster, and writes reports.
    """
    from whoop_assets.cli.processes.processes import ended_by_signals

    settings = Settings.from_environment()
    folder = demo_folder.folder_of(settings.data_folder)
    with ended_by_signals(), demo_folder.held(folder) as lock:
        make(folder, lock, days, members)
    _farewell(real_account=bool(settings.client_id))


def make(folder: Path, lock: int, days: int = DAYS, members: int = MEMBERS) -> Demo:
    """Create the demo again in the locked folder and print its steps and result."""
    from whoop_assets.cli.demo import simulator
    from whoop_assets.cli.processes.ports import free_port

    began = time.monotonic()
    demo_folder.clear(folder)
    first_day = datetime.now(UTC).date() - timedelta(days=days - 1)
    made = Demo(folder, first_day, simulator.SimulatedWorld(members, days + _EARLIER))
    made.save()
    with simulator.running(made.world, folder, port=0, locks=[lock]) as url:
        click.echo(f"The simulator plays WHOOP at {url}.")
        made = replace(made, port=demo_folder.port_of(url))
        os.environ.update(made.environment(url, free_port()))
        user_ids, timezone = _connect(Settings.from_environment(), made.world.members)
        today = datetime.now(ZoneInfo(timezone)).date()
        first_day = today - timedelta(days=days - 1)
        made = replace(made, first_day=first_day, operator=user_ids[0], timezone=timezone)
        os.environ.update(made.environment(url, free_port()))
        settings = Settings.from_environment()
        ran, watcher = _backfill(settings, made.first_day, today)
        reports = _build_other_assets(settings)
    _show(settings, ran, watcher, time.monotonic() - began)
    for report in reports:
        click.echo(f"Report: {report}")
    _print_sign_in_links(settings, user_ids)
    done = replace(made, complete=True)
    done.save()
    return done


def _connect(settings: Settings, members: int) -> tuple[list[int], str]:
    """Connect the members; return their ids and the time zone of the easternmost of them."""
    from whoop_assets.cli.connect.connect import east_of_setting
    from whoop_assets.cli.connect.redirect import connect_by_redirect
    from whoop_assets.cli.demo.consent import agree

    user_ids, eastern = [], []
    with opening.connection(settings, create=True) as connection:
        for place in range(members):
            connected = connect_by_redirect(connection, lambda url, place=place: agree(url, place))  # type: ignore[misc]
            click.echo(f"Member {connected.user_id} has agreed and is connected.")
            user_ids.append(connected.user_id)
            eastern.append(east_of_setting(connection, connected.user_id))
    found = [member for member in eastern if member is not None]
    zone = max(found, key=lambda member: member.offset).zone if found else settings.timezone
    return user_ids, zone


def _backfill(settings: Settings, first: date, last: date) -> "tuple[BackfillResult, Watcher]":
    from whoop_assets.cli.backfill.backfill import run_backfill
    from whoop_assets.cli.backfill.range_run import BackfillRange

    wanted = BackfillRange(first, last)
    click.echo(f"Backfilling {counted(wanted.days, 'day')}, {first} to {last}, through Dagster:")
    return run_backfill(settings, wanted, force=False)


def _show(settings: Settings, ran: "BackfillResult", watcher: "Watcher", seconds: float) -> None:
    from whoop_assets.cli.data.daily_table import daily_table
    from whoop_assets.cli.printing import print_table
    from whoop_assets.summaries import store

    with opening.warehouse(settings) as database, database.read() as connection:
        rows: list[dict[str, Any]] = store.newest_rows(connection, SHOWN_ROWS)
    click.echo(f"\nThe last {counted(len(rows), 'daily row')}:")
    print_table(daily_table(rows[::-1]))
    click.echo(
        f"Cost: {counted(watcher.figures['requests'], 'request')}; {ran.seconds:.1f} s in Dagster,"
        f" {seconds:.1f} s in all."
    )


def _print_sign_in_links(settings: Settings, user_ids: list[int]) -> None:
    """Print the address of the web pages and a one-time link for each member."""
    from whoop_assets.cli.processes.ports import LOOPBACK, SERVICE_PORT
    from whoop_assets.members import sessions

    pages = f"http://{LOOPBACK}:{SERVICE_PORT}/"
    lifetime = timedelta(days=7)
    click.echo(f"\nWeb pages, while `{_program()} --demo dev` runs: {pages}")
    with opening.warehouse(settings) as database, database.write() as connection:
        now = database.now(connection)
        for user_id in user_ids:
            secret = sessions.make_link(connection, user_id, now, lifetime)
            role = ", the operator, who also sees the team" if user_id == user_ids[0] else ""
            click.echo(f"  Sign in once as member {user_id}{role}: {pages}sign-in/{secret}")


def _build_other_assets(settings: Settings) -> list[Path]:
    """Materialize the assets that have no daily partitions, and return the paths of the reports.

    Raises:
        BackfillIncomplete: A run failed.
    """
    from whoop_assets.cli.backfill.backfill import BackfillIncomplete
    from whoop_assets.cli.backfill.dagster_home import dagster_home, open_instance
    from whoop_assets.definitions import NAMESPACE, defs
    from whoop_assets.defs.partitions import range_tags

    weeks = NAMESPACE.weeks.get_partition_keys()
    span = range_tags(date.fromisoformat(weeks[0]), date.fromisoformat(weeks[-1]))
    job = defs.resolve_implicit_global_asset_job_def()
    with open_instance(dagster_home(settings)) as instance:
        for asset, tags in (
            ("weekly_summary", span),
            ("journal", {}),
            ("journal_effects", {}),
            ("report", {}),
        ):
            result = job.execute_in_process(
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                instance=instance,
                asset_selection=[NAMESPACE.key(asset)],
                tags=tags,
                raise_on_error=False,
            )
            if not result.success:
                raise BackfillIncomplete(
                    f"The run {result.run_id} of {asset} failed: the Dagster UI shows why."
                )
    return sorted((settings.data_folder / "reports").glob("*.html"))


def _farewell(*, real_account: bool) -> None:
    program = _program()
    click.echo(f"Open the Dagster UI on this data:  {program} --demo dev   (then http://127.0.0.1:3000)")
    click.echo(f"Every command works on this data with --demo:  {program} --demo report --open")
    if real_account:
        click.echo("WHOOP_CLIENT_ID is set, so `dev` and the other commands without --demo use your account.")
    else:
        click.echo(
            "Connect a real account: set WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET in .env (from the WHOOP"
            f" Developer Dashboard), then run `{program} connect`."
        )


def _program() -> str:
    """Return how to call this program: by its name if the shell finds it, otherwise by its path."""
    if shutil.which("whoop-assets"):
        return "whoop-assets"
    path = Path(sys.executable).with_name("whoop-assets")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
