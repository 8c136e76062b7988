"""Why a value is not there: each day's gaps, by kind, with what the kind means."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from whoop_assets.report.history import Day

PENDING = "PENDING_SCORE"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of gap: its short name beside a day, its heading, and what it means."""

    name: str
    heading: str
    meaning: str


PARTIAL = Kind(
    "going on",
    "Days still going on",
    "The day's cycle is open or not scored yet: its strain grows, and counts in no mean.",
)
WAITING = Kind(
    "waiting for WHOOP",
    "Waiting for WHOOP's score",
    "WHOOP has the record and has not scored it yet (PENDING_SCORE). The value comes by itself.",
)
UNSCORABLE = Kind(
    "not scorable",
    "Could not be scored",
    "WHOOP had too little data for a score (UNSCORABLE): mostly a strap taken off, loose or empty. It stays empty.",
)
NO_SLEEP = Kind(
    "no sleep",
    "Days without a main sleep",
    "WHOOP recorded no night for the day, so it has neither sleep nor recovery.",
)
NO_CYCLE = Kind(
    "no cycle",
    "Days without a cycle",
    "Sleeps or workouts are there and WHOOP's cycle for them is not, so there is no strain.",
)
NOT_WORN = Kind(
    "not worn",
    "Nobody was measured",
    "WHOOP scored the day with zeros throughout, as it does when the strap was not worn. That is no rest day: it stays empty.",
)
NOTHING = Kind(
    "no data",
    "Days without any data",
    "No record of any kind: the strap was not worn, or these days have not been read.",
)
TWO_CYCLES = Kind(
    "more than one cycle",
    "Days with more than one cycle",
    "WHOOP began a second cycle on the same day. The one with the main sleep is shown.",
)
CALIBRATING = Kind(
    "calibrating",
    "WHOOP still learns",
    "In the first days WHOOP learns the member's baseline: the recovery is there, and to be used with care.",
)
EXPORTED = Kind(
    "from the export",
    "Days from the app's own export",
    "The API does not give these days. Values are rounded as the app shows them; steps and disturbances are not in it.",
)
KINDS = (
    *(PARTIAL, WAITING, UNSCORABLE, NO_SLEEP, NOT_WORN, NO_CYCLE, NOTHING, TWO_CYCLES, CALIBRATING),
    EXPORTED,
)


def of_day(day: Day) -> list[Kind]:
    """What makes this day unlike a full one, in the order of `KINDS`."""
    row = day.summary
    if not row:
        return [NOTHING]
    states = [row.get(f"{part}_state") for part in ("cycle", "sleep", "recovery")]
    known = [state for state in states if state is not None]
    exported = row.get("source") in ("export", "mixed")  # an export has no ids
    has_cycle = row.get("cycle_start_time" if exported else "cycle_id") is not None
    has_sleep = row.get("sleep_start_time" if exported else "sleep_id") is not None
    scored_without_strain = has_cycle and states[0] == "SCORED" and day.number("strain") is None
    found = {
        PARTIAL: day.is_partial,
        WAITING: PENDING in known and not (day.is_partial and states[1:] in (["SCORED", "SCORED"],)),
        UNSCORABLE: any(state not in ("SCORED", PENDING) for state in known),
        NO_SLEEP: has_cycle and not has_sleep and day.number("recovery_score") is None,
        NOT_WORN: scored_without_strain,
        NO_CYCLE: not has_cycle,
        TWO_CYCLES: (row.get("cycle_count") or 0) > 1,
        CALIBRATING: bool(row.get("user_calibrating")),
        EXPORTED: exported,
    }
    return [kind for kind in KINDS if found.get(kind)]


def explained(days: Sequence[Day]) -> list[tuple[Kind, list[date]]]:
    """Every kind that occurs, with its days in order."""
    by_kind: dict[Kind, list[date]] = {kind: [] for kind in KINDS}
    for day in days:
        for kind in of_day(day):
            by_kind[kind].append(day.day)
    return [(kind, found) for kind, found in by_kind.items() if found]
