"""Small app exports for tests: one member in June 2025, five hours behind UTC."""

from sqlalchemy import select

from whoop_assets.app_export.parsing.headings import CYCLES, HEADINGS, JOURNAL, SLEEPS, WORKOUTS
from whoop_assets.summaries.tables import daily_summary
from whoop_simulator.world.app_export import COLUMNS

KIND_OF_FILE = {CYCLES: "cycles", SLEEPS: "sleeps", WORKOUTS: "workouts", JOURNAL: "journal"}
ZONE = "UTC-05:00"


def under(day):
    """Return the cells that name the cycle of a day of June; it begins on the evening before."""
    return {
        "Cycle start time": f"2025-06-{day - 1:02} 23:00:00",
        "Cycle end time": f"2025-06-{day:02} 23:00:00",
        "Cycle timezone": ZONE,
    }


def slept(onset, wake, minutes, **cells):
    """Return the cells of a sleep; times are day of June and local time, such as `03 15:00`."""
    return {
        "Sleep onset": f"2025-06-{onset}:00",
        "Wake onset": f"2025-06-{wake}:00",
        "Sleep performance %": "81",
        "Respiratory rate (rpm)": "14.5",
        "Asleep duration (min)": str(minutes),
        "In bed duration (min)": str(minutes + 25),
        "Light sleep duration (min)": str(minutes - 60),
        "Deep (SWS) duration (min)": "30",
        "REM duration (min)": "30",
        "Awake duration (min)": "25",
        "Sleep need (min)": "490",
        "Sleep debt (min)": "15",
        "Sleep efficiency %": "94",
        "Sleep consistency %": "72",
        **cells,
    }


def night(day, minutes=450, **cells):
    """Return the cells of the night that ends on a day of June."""
    return slept(f"{day - 1:02} 23:00", f"{day:02} 07:00", minutes, **cells)


def nap(day, minutes=65, clock="15:00", wake="16:20"):
    """Return the cells of a nap on the afternoon of a day of June."""
    return slept(f"{day:02} {clock}", f"{day:02} {wake}", minutes, **{"Sleep consistency %": ""})


def recovered(score, **cells):
    """Return the cells of a recovery and of the day's strain."""
    return {
        "Recovery score %": str(score),
        "Resting heart rate (bpm)": "54",
        "Heart rate variability (ms)": "61",
        "Skin temp (celsius)": "33.4",
        "Blood oxygen %": "96.5",
        "Day Strain": "10.2",
        "Energy burned (cal)": "2100",
        "Max HR (bpm)": "151",
        "Average HR (bpm)": "71",
        **cells,
    }


NAP_RECOVERY = recovered(3, **{"Resting heart rate (bpm)": "72", "Heart rate variability (ms)": "31"})


def cycle(day, score=60, sleep=None, **cells):
    """Return a row of physiological_cycles.csv.

    Args:
        day: Day of June.
        score: Recovery score; None for the recovery of a nap.
        sleep: Cells of the sleep that the row names; None for the day's night.
        cells: Cells to replace.
    """
    recovery = NAP_RECOVERY if score is None else recovered(score)
    return under(day) | recovery | (night(day) if sleep is None else sleep) | cells


def listed(day, sleep, *, is_nap=False, **cells):
    """Return a row of sleeps.csv that names the cycle of a day."""
    return under(day) | sleep | {"Nap": "true" if is_nap else "false"} | cells


def csv_of(kind, rows, *, columns=None, language=None, delimiter=",", encoding="utf-8", newline="\n"):
    """Return a CSV file.

    Args:
        kind: A key of COLUMNS.
        rows: Cells by English heading, newest row first.
        columns: English headings in the order of the file; None for the app's order.
        language: Index of the language in HEADINGS; None for English.
        delimiter: Character between cells.
        encoding: Encoding of the file.
        newline: End of each line.
    """
    columns = columns or COLUMNS[kind]
    headings = [
        column if language is None else HEADINGS[_known(column)][language] or column for column in columns
    ]
    lines = [headings, *([row.get(column, "") for column in columns] for row in rows)]
    text = "".join(delimiter.join(map(_quoted(delimiter), line)) + newline for line in lines)
    return text.encode(encoding)


def _known(column):
    return next(heading for heading in HEADINGS if heading.casefold() == column.casefold())


def _quoted(delimiter):
    def quoted(cell):
        escaped = cell.replace('"', '""')
        return f'"{escaped}"' if delimiter in cell or '"' in cell or "\n" in cell else cell

    return quoted


def export(**kinds):
    """Return an export: the files of the given kinds by their English names."""
    return {name: csv_of(kind, kinds[kind]) for name, kind in KIND_OF_FILE.items() if kind in kinds}


CYCLES_OF_THREE_DAYS = [cycle(4, 60), cycle(3, 70), cycle(2, 65)]
NIGHTS = [listed(4, night(4, 430)), listed(3, night(3)), listed(2, night(2, 440))]


def stored_rows(database, table, user_id=-1):
    """Return the member's rows of a table."""
    with database.read() as connection:
        query = select(table).where(table.c.user_id == user_id)
        return [dict(row) for row in connection.execute(query).mappings()]


def daily_by_day(database, user_id=-1):
    """Return the member's daily summaries by day."""
    return {row["day"]: row for row in stored_rows(database, daily_summary, user_id)}
