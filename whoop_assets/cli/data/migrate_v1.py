"""`migrate-v1`: the ids of an old store, which kept WHOOP's v1, and the ids of v2."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.errors import WhoopError
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.db.database import Database
    from whoop_assets.v1_migration.source import Taken
    from whoop_assets.v1_migration.store import Report

MOST_NAMED = 5
EVERY = 100


class NotAllMapped(WhoopError):
    """Something is left to do, or to look at."""


@click.command("migrate-v1")
@click.argument("source", required=False)
@click.option("--table", help="The table to read, when SOURCE is a database's URL.")
@click.option(
    "--kind", type=click.Choice(["sleep", "workout", "recovery"]), help="Of rows that have no column for it."
)
@click.option("--member", type=int, help="Whose rows that have no user_id are.")
@click.option("--retry", is_flag=True, help="Take up again what could not be mapped.")
@click.option(
    "--log",
    "log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the log per id there, as CSV.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def migrate_v1(
    source: str | None,
    table: str | None,
    kind: str | None,
    member: int | None,
    retry: bool,
    log: Path | None,
    as_json: bool,
) -> None:
    """Map the v1 ids of an old store, and of parked webhook events, to those of v2; without SOURCE, go on."""
    from whoop_assets.v1_migration import migrate
    from whoop_assets.v1_migration import store as v1_store
    from whoop_assets.v1_migration.source import Taken

    if (table is not None) != (source is not None and "://" in source):
        raise click.UsageError("A database's URL takes --table, and a CSV file does not.")
    taken = Taken()
    with opening.connection(Settings.from_environment()) as connection:
        database = connection.database
        if source is not None:
            _take_in(database, source, table, kind, member, taken)
        migrate.take_in_events(database)
        if retry:
            with database.write() as transaction:
                v1_store.reopen(transaction)
        done = migrate.migrate(connection, progress=_Progress())
        with database.read() as transaction:
            report = v1_store.report(transaction)
        if log is not None:
            _write_log(database, log)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report) | {"refused_rows": taken.refused}, indent=2))
    else:
        _print(report, taken, done.replayed)
    for user_id, cause in done.failures.items():
        click.echo(f"Member {user_id}: {cause}", err=True)
    _end(report, taken)


class _Progress:
    """A line on stderr for every hundred ids: an id is a request, and a minute has a hundred."""

    def __init__(self) -> None:
        self._decided = 0

    def __call__(self, decided: int) -> None:
        before, self._decided = self._decided, self._decided + decided
        if self._decided // EVERY > before // EVERY:
            click.echo(f"{self._decided} ids decided", err=True)


def _take_in(
    database: "Database", source: str, table: str | None, kind: str | None, member: int | None, taken: "Taken"
) -> None:
    from whoop_assets.v1_migration import migrate, source_tables
    from whoop_assets.v1_migration import source as old_store

    if table is None:
        rows, name = old_store.csv_rows(Path(source)), Path(source).name
    else:
        rows, name = source_tables.rows(source, table), source_tables.shown(source, table)
    migrate.take_in(database, old_store.ids_of(rows, taken, kind=kind, user_id=member), name)


def _print(report: "Report", taken: "Taken", replayed: int) -> None:
    from whoop_assets.v1_migration.store import BY_CYCLE, BY_ENDPOINT, BY_RECORD, BY_TIME

    if taken.rows:
        click.echo(f"{taken.rows} rows read, {taken.refused} not understood.")
        for number, reason in taken.reasons[:MOST_NAMED]:
            click.echo(f"  row {number}: {reason}")
    of = ", ".join(f"{count} {kind}" for kind, count in report.kinds.items())
    lines = (
        ("ids", report.total, f"({of})"),
        ("mapped", report.mapped, ""),
        ("  by the record's own v1_id", report.ways[BY_RECORD], ""),
        ("  by the recovery's cycle", report.ways[BY_CYCLE], ""),
        ("  by WHOOP's activity mapping", report.ways[BY_ENDPOINT], ""),
        ("  by member and start", report.ways[BY_TIME], ""),
        ("unmapped", report.unmapped, ""),
        ("open", report.open, ""),
        ("contradicting", report.contradicting, "the record says otherwise than the old store"),
        ("doubles", report.doubles, "records with more than one id of v1"),
        ("not stored here", report.not_stored, "mapped, the record is not read yet"),
        ("WHOOP was asked", report.asked, f"of which {report.answered_404} answered 404"),
    )
    for name, count, more in lines:
        click.echo(f"{name:<30}{count:>8}  {more}".rstrip())
    if replayed:
        click.echo(f"{replayed} parked webhook events are open again, under the ids of v2.")


def _write_log(database: "Database", path: Path) -> None:
    from whoop_assets.v1_migration import store as v1_store

    with database.read() as transaction, path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(v1_store.LOG_COLUMNS)
        writer.writerows(v1_store.log(transaction))


def _end(report: "Report", taken: "Taken") -> None:
    if report.open:
        raise NotAllMapped(f"{report.open} ids are still open: run `whoop-assets migrate-v1` again to go on.")
    if taken.refused:
        raise NotAllMapped(
            f"{taken.refused} rows were not understood: correct them and give the source again."
        )
    if not report.in_order:
        raise NotAllMapped(
            f"{report.unmapped} ids are unmapped, {report.contradicting} contradict their records,"
            f" {report.doubles} records have"
            " more than one: look at the table v1_ids, or at --log; after a backfill of the missing days,"
            " run it with --retry."
        )
