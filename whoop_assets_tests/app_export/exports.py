"""Small exports for tests: nights of one member in June 2025, in a zone five hours behind UTC."""

from whoop_assets.app_export.parsing.headings import CYCLES, HEADINGS, JOURNAL, SLEEPS, WORKOUTS
from whoop_simulator.world.app_export import COLUMNS

KINDS = {CYCLES: "cycles", SLEEPS: "sleeps", WORKOUTS: "workouts", JOURNAL: "journal"}
ZONE = "UTC-05:00"


def under(day):
    """The columns that name the cycle which begins on the evening before that day of June."""
    return {
        "Cycle start time": f"2025-06-{day - 1:02} 23:00:00",
        "Cycle end time": f"2025-06-{day:02} 23:00:00",
        "Cycle timezone": ZONE,
    }


def slept(onset, wake, minutes, **cells):
    """The columns of a sleep; times as `03 15:00`, day of June and clock."""
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
    """The night that ends on that day of June."""
    return slept(f"{day - 1:02} 23:00", f"{day:02} 07:00", minutes, **cells)


def nap(day, minutes=65, clock="15:00", wake="16:20"):
    """A nap on the afternoon of that day of June."""
    return slept(f"{day:02} {clock}", f"{day:02} {wake}", minutes, **{"Sleep consistency %": ""})


def recovered(score, **cells):
    """The columns of a recovery and of the day's strain."""
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


OF_NAP = recovered(3, **{"Resting heart rate (bpm)": "72", "Heart rate variability (ms)": "31"})


def cycle(day, score=60, sleep=None, **cells):
    """A row of physiological_cycles.csv with the night of that day, or with another sleep."""
    of = OF_NAP if score is None else recovered(score)
    return under(day) | of | (night(day) if sleep is None else sleep) | cells


def listed(day, sleep, *, is_nap=False, **cells):
    """A row of sleeps.csv under the cycle of that day."""
    return under(day) | sleep | {"Nap": "true" if is_nap else "false"} | cells


def csv_of(kind, rows, *, language=None, delimiter=",", encoding="utf-8", newline="\n"):
    """A file with these rows, newest first, and headings of a language (its place in HEADINGS)."""
    columns = COLUMNS[kind]
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
    """An export with rows of these kinds, by the names that the app gives the files in English."""
    return {name: csv_of(kind, kinds[kind]) for name, kind in KINDS.items() if kind in kinds}


CYCLES_OF_THREE_DAYS = [cycle(4, 60), cycle(3, 70), cycle(2, 65)]
NIGHTS = [listed(4, night(4, 430)), listed(3, night(3)), listed(2, night(2, 440))]
