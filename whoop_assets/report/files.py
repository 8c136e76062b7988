"""Writes a member's report to a file, after it has rebuilt the member's stale trends, weeks and effects."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from whoop_assets import atomic_file
from whoop_assets.db.database import Database
from whoop_assets.journal.rebuild import rebuild_effects
from whoop_assets.report import queries
from whoop_assets.report.calendar_days import ReportDay, calendar
from whoop_assets.report.page import MemberReport, first_day, page
from whoop_assets.summaries.rebuild import rebuild_stale_trends_and_weeks


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report that was written: its file, its size in bytes, and the number of its days with data."""

    user_id: int
    path: Path
    size: int
    days: int


def write_report(
    database: Database, user_id: int, folder: Path, today: date, *, title: str = ""
) -> WrittenReport:
    """Write the member's report of the year up to `today`. Sends no request to WHOOP.

    The file replaces the previous one atomically. Only its owner can read it, because it contains health
    data.

    Args:
        folder: Folder of the reports; the file is `report_path(folder, user_id)`.
        today: The member's current date, the last day of the report.
        title: Heading of the page; empty for the member's id.

    Raises:
        DatabaseError: The rows could not be read or rebuilt.
        OSError: The file could not be written.
    """
    first = first_day(today)
    _rebuild_stale(database, user_id)
    with database.read() as connection:
        summaries = queries.daily_rows(connection, user_id, first, today)
        trends = queries.trend_rows(connection, user_id, first, today)
        weeks = queries.weekly_rows(connection, user_id, first, today)
        effects = queries.effect_rows(connection, user_id)
        at = database.now(connection)
    report = MemberReport(user_id, calendar(summaries, trends), weeks, today, at, title, effects)
    content = page(report).encode()
    path = report_path(folder, user_id)
    atomic_file.write_atomically(path, lambda file: file.write(content))
    return WrittenReport(user_id, path, len(content), len(summaries))


def report_path(folder: Path, user_id: int) -> Path:
    """Return the file of a member's report.

    A member without an account has a negative id, which some programs would read as an option, so its file
    name starts with `export`.
    """
    return folder / (f"{user_id}.html" if user_id >= 0 else f"export{user_id}.html")


def charted_days(database: Database, user_id: int, first: date, last: date) -> list[ReportDay]:
    """Return every day from the member's first to the newest daily row within first..last."""
    with database.read() as connection:
        summaries = queries.daily_rows(connection, user_id, first, last)
        return calendar(summaries, queries.trend_rows(connection, user_id, first, last))


def _rebuild_stale(database: Database, user_id: int) -> None:
    """Rebuild the member's stale rows, because no daemon may be running."""
    rebuild_stale_trends_and_weeks(database, user_id)
    with database.read() as connection:
        effects = queries.effect_rows(connection, user_id)
    if not effects:
        # An upgrade can have deleted them. Without answers in the journal this builds none.
        rebuild_effects(database, [user_id])
