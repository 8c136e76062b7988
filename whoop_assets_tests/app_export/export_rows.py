"""Rows of app exports with one cycle per day from 1 September 2026, two hours ahead of UTC."""

from datetime import UTC, datetime, timedelta

from whoop_assets.members import store as member_store
from whoop_assets_tests.support.fixed_time import NOW

FIRST_NIGHT = datetime(2026, 9, 1, 23, 0, 0)


def _text(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def nights(count, *, first=0, shift=timedelta(0), open_end=True, zone="UTC+02:00", **cells):
    """Return rows of physiological_cycles.csv, oldest first.

    Args:
        count: Number of cycles.
        first: Number of the first cycle; cycle 0 begins on 1 September 2026 at 23:00.
        shift: Time by which all cycles begin later.
        open_end: The last cycle is open.
        zone: Time zone of all rows.
        cells: Cells to replace.
    """
    rows = []
    for n in range(first, first + count):
        start = FIRST_NIGHT + timedelta(days=n) + shift
        last = open_end and n == first + count - 1
        rows.append(
            {
                "Cycle start time": _text(start),
                "Cycle end time": "" if last else _text(start + timedelta(days=1)),
                "Cycle timezone": zone,
                "Recovery score %": str(40 + n % 50),
                "Heart rate variability (ms)": str(50 + n % 30),
                "Day Strain": "" if last else "10.5",
                **cells,
            }
        )
    return rows


def cycle_cells(n, shift=timedelta(0)):
    """Return the cells that name cycle n."""
    return {
        key: value for key, value in nights(1, first=n, shift=shift)[0].items() if key.startswith("Cycle")
    }


def workout(n, activity="Running", *, hour=12, **cells):
    """Return a row of workouts.csv: one hour, `hour` hours after the start of cycle n."""
    start = FIRST_NIGHT + timedelta(days=n, hours=hour)
    return {
        **cycle_cells(n),
        "Workout start time": _text(start),
        "Workout end time": _text(start + timedelta(hours=1)),
        "Activity name": activity,
        "Activity Strain": "8.0",
        **cells,
    }


def connect(database, user_id):
    """Store a connected member."""
    with database.write([user_id]) as connection:
        profile = {"email": None, "first_name": None, "last_name": None}
        member_store.connect(connection, user_id, ["read:cycles", "offline"], profile, NOW)


def night_utc(n):
    """Return the start of cycle n in UTC."""
    return (FIRST_NIGHT + timedelta(days=n) - timedelta(hours=2)).replace(tzinfo=UTC)
