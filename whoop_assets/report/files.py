"""A member's report as a file: what is behind is built, the rows are read as of one moment, and the page is put in place."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from whoop_assets import atomic_file
from whoop_assets.db.database import Database
from whoop_assets.journal.rebuild import rebuild_effects
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS
from whoop_assets.report import data
from whoop_assets.report.history import Day, calendar
from whoop_assets.report.page import Report, first_day, page
from whoop_assets.summaries.follow import rebuild_behind, rebuild_weeks


@dataclass(frozen=True, slots=True)
class Written:
    """A report that has been written: bytes, and how many days with data it shows."""

    user_id: int
    path: Path
    size: int
    days: int


def write_report(database: Database, user_id: int, folder: Path, today: date, *, title: str = "") -> Written:
    """Write the report of the year up to `today` to `report_path(folder, user_id)`; nothing is read from WHOOP.

    Trends and weeks that are behind the member's daily rows are built first. The file replaces the last one in one
    step, and is its owner's alone, as it holds health data. Raises DatabaseError, and OSError when it cannot be written.
    """
    first = first_day(today)
    _catch_up(database, user_id)
    with database.read() as connection:
        summaries = data.days(connection, user_id, first, today)
        trends = data.days_of_trends(connection, user_id, first, today)
        weeks = data.weeks(connection, user_id, first, today)
        effects = data.effects(connection, user_id)
        at = database.now(connection)
    report = Report(user_id, calendar(summaries, trends), weeks, today, at, title, effects)
    content = page(report).encode()
    path = report_path(folder, user_id)
    atomic_file.write_atomically(path, lambda file: file.write(content))
    return Written(user_id, path, len(content), len(summaries))


def report_path(folder: Path, user_id: int) -> Path:
    """The file of a member's report. A member from an app export alone has a negative id, which is no name for a file."""
    return folder / (f"{user_id}.html" if user_id >= 0 else f"export{user_id}.html")


def charted_days(database: Database, user_id: int, first: date, last: date) -> list[Day]:
    """Every day from the member's first row on, `first` at the earliest, to the newest one up to `last`."""
    with database.read() as connection:
        summaries = data.days(connection, user_id, first, last)
        return calendar(summaries, data.days_of_trends(connection, user_id, first, last))


def _catch_up(database: Database, user_id: int) -> None:
    """Build what is behind of this member: a report beside a daemon that is off would lack it."""
    with database.read() as connection:
        trends = STALE_TRENDS.generations(connection, [user_id], date.min, date.max)
        weeks = STALE_WEEKS.generations(connection, [user_id], date.min, date.max)
        effects = data.effects(connection, user_id)
    if trends:
        rebuild_behind(database, trends)
    if weeks:
        mondays = [entry.day for entry in weeks]
        rebuild_weeks(database, [user_id], min(mondays), max(mondays))
    if not effects:
        # An upgrade can have emptied them. Without answers in a journal this builds none.
        rebuild_effects(database, [user_id])
