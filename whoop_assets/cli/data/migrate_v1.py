"""Command `migrate-v1`: maps the v1 ids of an older store to v2 ids."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.cli.printing import print_json
from whoop_assets.errors import WhoopError
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.quality.consistency import Findings
    from whoop_assets.v1_migration.old_store import ImportStats

MAX_ROWS_NAMED = 5
PROGRESS_EVERY_IDS = 100


class MigrationIncomplete(WhoopError):
    """Ids are open or unmapped, contradict their records, or rows were rejected."""


@click.command("migrate-v1")
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option(
    "--log",
    "log_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file for the log of all ids.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def migrate_v1(source: Path | None, log_path: Path | None, as_json: bool) -> None:
    """Map the v1 ids of an older store, and of parked webhook events, to v2 ids.

    SOURCE is a CSV file. Without it the command continues with the ids that are not mapped.
    """
    from whoop_assets.v1_migration import integrity, migrate, old_store

    stats = old_store.ImportStats()
    with opening.connection(Settings.from_environment()) as connection:
        database = connection.database
        if source is not None:
            migrate.import_ids(database, old_store.read_ids(source, stats), source.name)
        migrate.import_event_ids(database)
        failures = migrate.migrate(connection, _show_progress)
        replayed = migrate.reopen_events(database)
        with database.read() as transaction:
            counts, problems = integrity.check_integrity(transaction)
            if log_path is not None:
                with log_path.open("w", encoding="utf-8", newline="") as lines:
                    csv.writer(lines).writerows(integrity.log_rows(transaction))
    if as_json:
        print_json(counts | {"rejected_rows": len(stats.rejected)})
    else:
        _print(counts, stats, replayed)
    for user_id, cause in failures.items():
        click.echo(f"Member {user_id}: {cause}", err=True)
    _require_complete(counts, problems, stats)


def _show_progress(decided: int) -> None:
    if decided % PROGRESS_EVERY_IDS == 0:
        click.echo(f"{decided} ids decided", err=True)


def _print(counts: dict[str, int], stats: "ImportStats", replayed: int) -> None:
    if stats.rows:
        click.echo(f"{counted(stats.rows, 'row')} read, {len(stats.rejected)} rejected.")
        for reason in stats.rejected[:MAX_ROWS_NAMED]:
            click.echo(f"  {reason}")
    for name, count in counts.items():
        click.echo(f"{name:<30}{count:>8}")
    if replayed:
        click.echo(f"Open again, with v2 ids: {counted(replayed, 'parked webhook event')}.")


def _require_complete(counts: dict[str, int], problems: "Findings", stats: "ImportStats") -> None:
    if counts["open"]:
        raise MigrationIncomplete(
            f"Open: {counted(counts['open'], 'id')}. Run `whoop-assets migrate-v1` again."
        )
    if stats.rejected:
        raise MigrationIncomplete(
            f"Rejected: {counted(len(stats.rejected), 'row')}. Correct them, and import the source again."
        )
    if problems.count:
        raise MigrationIncomplete(
            f"Unmapped: {counted(counts['unmapped'], 'id')}; with a contradicting record:"
            f" {counted(counts['contradicting'], 'id')}; with more than one id:"
            f" {counted(counts['doubles'], 'record')}. See the table v1_ids or --log, backfill missing days,"
            " then run the command again."
        )
