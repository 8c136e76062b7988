"""Daily summaries that tests of the Notion sink store, change and delete."""

from datetime import date, timedelta
from typing import Any

from whoop_assets.db.database import Database
from whoop_assets.members import store as members
from whoop_assets.summaries import store
from whoop_assets.summaries.tables import DAILY_COLUMNS

MEMBER, OTHER = 10129, 20222
DAY = date(2026, 11, 20)
DEFAULT_PROPERTIES = {
    "Date": "date",
    "Member": "number",
    "Recovery (%)": "number",
    "Sleep time (ms)": "number",
    "Sleep efficiency (%)": "number",
}


def summary_row(user_id: int, day: date, **values: Any) -> dict[str, Any]:
    """Return a daily row; columns that are not given are None."""
    row = dict.fromkeys(DAILY_COLUMNS) | {"is_partial": False, "cycle_count": 1, "source": "api"}
    scores = {
        "recovery_score": 66.0,
        "sleep_duration_minutes": 431.5,
        "sleep_efficiency_percentage": 91.25,
    }
    return row | scores | {"user_id": user_id, "day": day} | values


def store_summaries(database: Database, *rows: dict[str, Any]) -> None:
    """Store or replace the summaries, as a rebuild does; advance the clock by 1 ms.

    Unknown members are connected first.
    """
    database.clock.sleep(0.001)
    for row in rows:
        with database.write([row["user_id"]]) as connection:
            at = database.now(connection)
            if not members.exists(connection, row["user_id"]):
                members.connect(connection, row["user_id"], [], {}, at)
            store.replace_daily_rows(connection, [row["user_id"]], row["day"], row["day"], [row], at)


def delete_summary(database: Database, user_id: int, day: date) -> None:
    """Delete the day's summary, as a rebuild does after the day's records were deleted."""
    database.clock.sleep(0.001)
    with database.write([user_id]) as connection:
        store.replace_daily_rows(connection, [user_id], day, day, [], database.now(connection))


def last_days(count: int, last: date = DAY) -> list[date]:
    """Return `count` days, newest first."""
    return [last - timedelta(days=back) for back in range(count)]
