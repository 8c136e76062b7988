"""A small export in any language and notation, and the comparison of what two exports contain."""

from whoop_assets.app_export.parsing.headings import (
    NAMES,
)
from whoop_assets.app_export.parsing.reading import read_export
from whoop_assets_tests.support.data.app_exports import (
    CYCLES_OF_THREE_DAYS,
    KIND_OF_FILE,
    NIGHTS,
    csv_of,
    listed,
    nap,
    under,
)

WORKOUT = under(3) | {
    "Workout start time": "2025-06-03 17:30:00",
    "Workout end time": "2025-06-03 18:30:00",
    "Activity name": "Running",
    "Activity Strain": "8.3",
    "Energy burned (cal)": "410",
    "Max HR (bpm)": "161",
    "Average HR (bpm)": "132",
    "HR Zone 1 %": "25",
    "HR Zone 2 %": "30",
    "HR Zone 3 %": "20",
    "HR Zone 4 %": "10",
    "HR Zone 5 %": "5",
    "GPS enabled": "false",
}
ANSWER = under(3) | {"Question text": "Any caffeine?", "Answered yes": "true", "Notes": "one, early"}
ROWS = {
    "cycles": CYCLES_OF_THREE_DAYS,
    "sleeps": [*NIGHTS, listed(3, nap(3), is_nap=True)],
    "workouts": [WORKOUT],
    "journal": [ANSWER],
}


def in_language(language, **notation):
    """Return an export; `language` is an index of LANGUAGES, or None for English."""
    return {
        (name if language is None else NAMES[name][language]): csv_of(
            kind, ROWS[kind], language=language, **notation
        )
        for name, kind in KIND_OF_FILE.items()
    }


def records_of(files):
    """Return the records of an export, without their original text."""
    export = read_export(files)
    assert export.unknown_files == []
    for file in export.files.values():
        assert (file.rejected, file.faults) == ([], [])
    return [
        [{name: getattr(record, name) for name in record.__slots__ if name != "raw"} for record in kind]
        for kind in (export.cycles, export.sleeps, export.workouts, export.journal)
    ]
