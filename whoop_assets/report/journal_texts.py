"""The strongest effects of the journal as sentences, by question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from whoop_assets.report.calendar_days import Row
from whoop_assets.report.formatting import counted, duration, number, points

MAX_EFFECTS = 6
VERDICTS = ("strong", "weak")


@dataclass(frozen=True, slots=True)
class EffectText:
    """One effect of a habit in words: the difference, the verdict and the number of days."""

    text: str
    verdict: str
    days: str


@dataclass(frozen=True, slots=True)
class JournalTexts:
    """Questions with their effects, strongest first, and the number of questions without one."""

    habits: Mapping[str, Sequence[EffectText]]
    undecided: int


@dataclass(frozen=True, slots=True)
class _OutcomeWords:
    name: str
    amount: Callable[[float], str]
    less: str = "lower"
    more: str = "higher"


_OUTCOMES = {
    "recovery_score": _OutcomeWords("Recovery", points),
    "hrv_rmssd_milli": _OutcomeWords("HRV", lambda size: number(size, 0, "%")),
    "resting_heart_rate": _OutcomeWords("Resting heart rate", lambda size: number(size, 1, "bpm")),
    "sleep_duration_minutes": _OutcomeWords("Sleep", duration, "shorter", "longer"),
}


def journal_texts(effects: Sequence[Row]) -> JournalTexts:
    """Return the strongest effects in words: strong before weak, then by size.

    Args:
        effects: Rows of `journal_effects`.
    """
    known = [row for row in effects if row["verdict"] in VERDICTS and row["outcome"] in _OUTCOMES]
    known.sort(key=lambda row: (VERDICTS.index(row["verdict"]), -abs(row["hedges_g"])))
    habits: dict[str, list[EffectText]] = {}
    for row in known[:MAX_EFFECTS]:
        habits.setdefault(row["question"], []).append(_effect(row))
    undecided = {row["question"] for row in effects} - {row["question"] for row in known}
    return JournalTexts(habits, len(undecided))


def _effect(row: Row) -> EffectText:
    outcome = _OUTCOMES[row["outcome"]]
    difference = row["difference"]
    low, high = sorted((abs(row["difference_low"]), abs(row["difference_high"])))
    direction = outcome.less if difference < 0 else outcome.more
    when = ", one night later" if row["lag_days"] else ""
    return EffectText(
        f"{outcome.name} {outcome.amount(abs(difference))} {direction}{when}; "
        f"probably between {outcome.amount(low)} and {outcome.amount(high)}.",
        f"{row['verdict'].capitalize()}.",
        f"{counted(row['days_with'], 'day')} with yes, {row['days_without']} with no",
    )
