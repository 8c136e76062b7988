"""The reasons why a day lacks values, and their explanations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from whoop_assets.date_ranges import to_date_ranges
from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.report.formatting import date_range

PENDING = "PENDING_SCORE"
MAX_SHOWN_RANGES = 12


@dataclass(frozen=True, slots=True)
class GapKind:
    """A kind of gap.

    Attributes:
        name: Short name, shown beside a day.
        heading: Heading of the explanation.
        meaning: The explanation.
    """

    name: str
    heading: str
    meaning: str


@dataclass(frozen=True, slots=True)
class GapDays:
    """The days that have one kind of gap, oldest first."""

    kind: GapKind
    days: tuple[date, ...]

    @property
    def ranges(self) -> str:
        """The days as text: ranges, newest first, at most `MAX_SHOWN_RANGES`."""
        ranges = to_date_ranges(self.days)[::-1]
        text = ", ".join(date_range(first, last) for first, last in ranges[:MAX_SHOWN_RANGES])
        more = len(ranges) - MAX_SHOWN_RANGES
        return f"{text}, and {more} more" if more > 0 else text


PARTIAL = GapKind(
    "not finished",
    "Days that are not finished",
    "The day's cycle is open or has no score yet. Its strain still grows, so no average of strain contains "
    "it.",
)
WAITING = GapKind(
    "waiting for WHOOP",
    "Waiting for WHOOP's score",
    "WHOOP has the record but has not scored it yet (PENDING_SCORE). The value arrives automatically.",
)
UNSCORABLE = GapKind(
    "not scorable",
    "Could not be scored",
    "WHOOP had too little data for a score (UNSCORABLE), usually because the strap was off, loose or empty. "
    "The value stays empty.",
)
NO_SLEEP = GapKind(
    "no sleep",
    "Days without a main sleep",
    "WHOOP recorded no main sleep for the day, so there is no sleep and no recovery.",
)
NO_CYCLE = GapKind(
    "no cycle",
    "Days without a cycle",
    "There are sleeps or workouts, but WHOOP has no cycle for them, so there is no strain.",
)
NOT_WORN = GapKind(
    "not worn",
    "Strap not worn",
    "WHOOP scored the day with zeros only, which it does when the strap is not worn. This is not a rest day, "
    "so the values stay empty.",
)
NOTHING = GapKind(
    "no data",
    "Days without any data",
    "There is no record of any kind: the strap was not worn, or these days have not been loaded.",
)
TWO_CYCLES = GapKind(
    "more than one cycle",
    "Days with more than one cycle",
    "WHOOP started a second cycle on the same day. The report shows the one with the main sleep.",
)
CALIBRATING = GapKind(
    "calibrating",
    "WHOOP is calibrating",
    "In the first days WHOOP learns your usual values, so the recovery is less reliable. No average of "
    "recovery and no count of green, yellow and red days contains it.",
)
EXPORTED = GapKind(
    "from the export",
    "Days from the app's own export",
    "These values come from the file that the WHOOP app exports. It rounds them as the app does, and has no "
    "steps or disturbances.",
)
KINDS = (
    PARTIAL,
    WAITING,
    UNSCORABLE,
    NO_SLEEP,
    NOT_WORN,
    NO_CYCLE,
    NOTHING,
    TWO_CYCLES,
    CALIBRATING,
    EXPORTED,
)


def gap_kinds(day: ReportDay) -> list[GapKind]:
    """Return the kinds of gaps of this day, in the order of `KINDS`."""
    row = day.summary
    if not row:
        return [NOTHING]
    states = [row.get(f"{part}_state") for part in ("cycle", "sleep", "recovery")]
    known = [state for state in states if state is not None]
    exported = row.get("source") in ("export", "mixed")  # an export has no ids
    has_cycle = row.get("cycle_start_time" if exported else "cycle_id") is not None
    has_sleep = row.get("sleep_start_time" if exported else "sleep_id") is not None
    # An export has no states. It lists a night without scores with its times only.
    unscored_in_export = (
        exported and states[1] is None and has_sleep and day.number("sleep_duration_minutes") is None
    )
    only_cycle_pending = day.is_partial and states[1:] == ["SCORED", "SCORED"]
    found = {
        PARTIAL: day.is_partial,
        WAITING: PENDING in known and not only_cycle_pending,
        UNSCORABLE: unscored_in_export or any(state not in ("SCORED", PENDING) for state in known),
        NO_SLEEP: has_cycle and not has_sleep and day.number("recovery_score") is None,
        NOT_WORN: has_cycle and states[0] == "SCORED" and day.number("strain") is None,
        NO_CYCLE: not has_cycle,
        TWO_CYCLES: (row.get("cycle_count") or 0) > 1,
        CALIBRATING: day.is_calibrating,
        EXPORTED: exported,
    }
    return [kind for kind in KINDS if found.get(kind)]


def explain_gaps(days: Sequence[ReportDay]) -> list[GapDays]:
    """Return every kind of gap that occurs, with its days."""
    days_of: dict[GapKind, list[date]] = {kind: [] for kind in KINDS}
    for day in days:
        for kind in gap_kinds(day):
            days_of[kind].append(day.day)
    return [GapDays(kind, tuple(found)) for kind, found in days_of.items() if found]
