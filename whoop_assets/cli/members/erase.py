"""Erasure outside the database's tables: files, Dagster, Iceberg, Notion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from whoop_assets.cli.backfill.dagster_home import dagster_home, home_is_named, open_instance, own_home
from whoop_assets.errors import WhoopError
from whoop_assets.report.files import report_path
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.db.database import Database

NOT_REACHABLE = (
    "Not reached, because this program does not know where they are: backups, archived logs of the database"
    " server, Parquet files, app exports, alerts that were sent, answers of the daily API, and reports in the"
    " data folder of another deployment."
)


@dataclass(slots=True)
class Erased:
    """Sentences about removed data and data that could not be reached."""

    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    found: bool = False
    """Whether anything of the member was found."""


def erase_outside_tables(
    settings: Settings, database: "Database", user_id: int, pages: Sequence[str]
) -> Erased:
    """Remove a member whose rows are deleted from files, Dagster's event log, Iceberg tables and Notion.

    Args:
        settings: The settings of these places.
        database: The database that held the member's rows.
        user_id: The member.
        pages: Ids of the member's Notion pages, from before the rows were deleted.
    """
    done = Erased()
    folder = settings.data_folder / "reports"
    for report in {report_path(folder, user_id), folder / f"{user_id}.html"}:
        # A process that was killed can have left an unfinished report beside it.
        for path in (report, *folder.glob(f".{report.name}.*")):
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                done.left.append(f"The report {path} could not be deleted ({error.strerror}): delete it.")
                continue
            done.found = True
            done.removed.append(f"The report {path} is deleted.")
    _erase_from_iceberg(settings, database, done)
    _erase_from_notion(settings, database, user_id, pages, done)
    _erase_from_dagster(settings, user_id, done)
    _compact(database, done)
    return done


def _erase_from_iceberg(settings: Settings, database: "Database", done: Erased) -> None:
    from whoop_assets.sinks.iceberg import ledger
    from whoop_assets.sinks.iceberg.catalog import local_folder, namespace_of, open_catalog
    from whoop_assets.sinks.iceberg.sync import sync, table_exists
    from whoop_assets.sinks.source import TABLES

    with database.read() as connection:
        written = ledger.written_tables(connection)
    if not settings.iceberg_catalog:
        if (folder := local_folder(settings)).exists() or written:
            done.left.append(
                f"The Iceberg tables were not changed, because WHOOP_ICEBERG_CATALOG is not set: set it to"
                f" their catalog (local for those in {folder}) and run `whoop-assets export iceberg --purge`,"
                " or delete the tables."
            )
        return
    days = 0
    known = written | {(namespace_of(settings), name) for name in TABLES}
    try:
        catalog = open_catalog(settings)
        existing = {table for table in known if table_exists(catalog, table[0], TABLES[table[1]])}
    except WhoopError as error:
        done.left.append(
            f"The Iceberg tables were not changed. {error} Then run `whoop-assets export iceberg --purge`."
        )
        return
    for namespace, name in sorted(written - existing):
        done.left.append(
            f"The Iceberg table {namespace}.{name} was not purged, because the catalog {catalog.name} lacks"
            " it: set WHOOP_ICEBERG_CATALOG to its catalog, then run `whoop-assets export iceberg --purge`."
            " If the table was dropped, delete its files."
        )
    for namespace, name in sorted(existing):
        try:
            synced = sync(database, catalog, namespace, TABLES[name], purge=True)
        except WhoopError as error:
            done.left.append(
                f"The Iceberg table {namespace}.{name} was not purged. {error} Then run `whoop-assets export"
                f" iceberg --purge`."
            )
            continue
        days += synced.days
        if synced.snapshots > 1:
            done.left.append(
                f"The Iceberg table {namespace}.{name} keeps"
                f" {counted(synced.snapshots - 1, 'older snapshot')}, because branches, tags or"
                " gc.enabled=false protect them: remove that, then run `whoop-assets export iceberg --purge`."
            )
    if existing:
        done.removed.append(
            f"The Iceberg tables have {counted(days, 'day')} written anew and no older snapshots."
        )


def _erase_from_notion(
    settings: Settings, database: "Database", user_id: int, pages: Sequence[str], done: Erased
) -> None:
    from whoop_assets.sinks.notion.erasure import trash_pages

    trashed = trash_pages(settings, database, user_id, pages)
    if trashed.pages:
        done.found = True
        done.removed.append(
            f"{counted(trashed.pages, 'Notion page')} moved to the trash: Notion deletes what is in the"
            f" trash after 30 days."
        )
    if trashed.reason:
        named = f": {', '.join(trashed.left)}" if trashed.left else " that may exist"
        done.left.append(
            f"Notion pages were not moved to the trash ({trashed.reason}){named}. Delete them in Notion."
        )


def _erase_from_dagster(settings: Settings, user_id: int, done: Erased) -> None:
    if not home_is_named() and not own_home(settings).is_dir():
        return
    from sqlalchemy.exc import SQLAlchemyError

    from whoop_assets.defs.event_log_redaction import cause_of, redact_member, unfinished_runs

    try:
        home = dagster_home(settings)
        # With the instance's own log manager, because its files are searched.
        with open_instance(home, compute_logs=True) as instance:
            redacted = redact_member(instance, user_id)
            running = unfinished_runs(instance)
    except WhoopError as error:
        done.left.append(f"Dagster's event log was not searched. {error}")
        return
    except SQLAlchemyError as error:
        done.left.append(
            f"Dagster's event log was not searched ({cause_of(error)}): end the processes that use it,"
            f" then run this again."
        )
        return
    if redacted.values or redacted.log_files:
        done.found = True
        done.removed.append(
            f"Dagster's event log in {home}: {counted(redacted.values, 'stored value')} and"
            f" {counted(redacted.log_files, 'log file')} no longer name the member or hold charts."
        )
    done.left += redacted.unreached
    done.left += _uncompacted(sorted(redacted.databases))
    if running:
        done.left.append(
            f"{counted(running, 'run')} of Dagster in flight can still log the member's id. After their end,"
            f" run `whoop-assets disconnect {user_id} --erase` again."
        )


def _uncompacted(paths: Sequence[Path]) -> Iterator[str]:
    from whoop_assets.db.database import compact_sqlite

    for path in paths:
        if not compact_sqlite(path):
            yield (
                f"The file {path} could not be compacted, because another process uses it: end that process,"
                " then run this command again."
            )


def _compact(database: "Database", done: Erased) -> None:
    from whoop_assets.schema import metadata

    if not database.compact([table.name for table in metadata.sorted_tables if "user_id" in table.c]):
        done.left.append(
            f"Deleted rows can still be in the file {database.path} or its -wal file, because another process"
            " uses it: end that process, then run this again."
        )
