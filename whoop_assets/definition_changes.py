"""Dates on which WHOOP changed how it computes a value.

A mean over values of two definitions describes neither. Trends, weeks and journal effects therefore use
values of one definition only: for a day on or after a change, earlier values count as missing.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """One change of a definition.

    Attributes:
        columns: The affected columns of `daily_summary`.
        last_old_day: The last WHOOP day that certainly has the old definition.
        first_new_day: The first WHOOP day that certainly has the new one. Days between may have either.
        change: What changed, in one sentence.
        source: The evidence.
    """

    columns: frozenset[str]
    last_old_day: date
    first_new_day: date
    change: str
    source: str


CHANGES = (
    DefinitionChange(
        frozenset(
            {
                "sleep_duration_minutes",
                "awake_minutes",
                "light_minutes",
                "slow_wave_minutes",
                "rem_minutes",
                "sleep_efficiency_percentage",
                "disturbance_count",
            }
        ),
        date(2025, 2, 23),
        date(2025, 2, 24),
        "WHOOP introduced a new model of sleep stages, which also decides what counts as asleep.",
        "announced by WHOOP on 24 February 2025",
    ),
    DefinitionChange(
        frozenset({"sleep_performance_percentage"}),
        date(2025, 4, 30),
        date(2025, 6, 1),
        "Sleep performance was time asleep / need, at most 100. Since May 2025 it differs from that by 5"
        " to 9 points.",
        "measured in app exports of five members; WHOOP published no date",
    ),
)
"""All known changes, oldest first."""


def changes_of(column: str) -> tuple[DefinitionChange, ...]:
    """Return the changes of this column of `daily_summary`, oldest first."""
    return tuple(change for change in CHANGES if column in change.columns)


def definition_of(column: str, day: date) -> int | None:
    """Return the number of the column's definition on that day, from 0; None if it may be either of two."""
    number = 0
    for change in changes_of(column):
        if day >= change.first_new_day:
            number += 1
        elif day > change.last_old_day:
            return None
    return number
