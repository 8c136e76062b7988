"""The report's section on the journal: the habits that most surely go with something, in words."""

from collections.abc import Callable, Sequence
from html import escape

from whoop_assets.report import words
from whoop_assets.report.history import Row

MAX_EFFECTS = 6
VERDICTS = ("strong", "weak")

_Say = Callable[[float], str]
_OUTCOMES: dict[str, tuple[str, _Say, str, str]] = {
    # Column -> its name, how a size is written, and the words for less and more.
    "recovery_score": ("Recovery", lambda size: words.number(size, 0, "points"), "lower", "higher"),
    "hrv_rmssd_milli": ("HRV", lambda size: words.number(size, 0, "%"), "lower", "higher"),
    "resting_heart_rate": (
        "Resting heart rate",
        lambda size: words.number(size, 1, "bpm"),
        "lower",
        "higher",
    ),
    "sleep_duration_minutes": ("Sleep", words.duration, "shorter", "longer"),
}


def section(effects: Sequence[Row]) -> str:
    """The strongest effects; empty if the member has no journal."""
    if not effects:
        return ""
    told = sorted(
        (row for row in effects if row["verdict"] in VERDICTS and row["outcome"] in _OUTCOMES),
        key=lambda row: (VERDICTS.index(row["verdict"]), -abs(row["hedges_g"])),
    )
    questions = len({row["question"] for row in effects})
    shown = "".join(map(_effect, told[:MAX_EFFECTS]))
    nothing = f"<p>Of {words.counted(questions, 'question')} nothing can be told from chance yet.</p>"
    return (
        '<section aria-labelledby="journal"><h2 id="journal">Your journal, and what went with it</h2>'
        f"{f'<dl>{shown}</dl>' if shown else nothing}"
        '<p class="hint">Mornings after a yes against mornings after a no. Slow drift and weekdays are taken out. Strong: '
        "chance hardly explains it, and it is at least half of how much your days differ anyway. Weak: chance hardly explains "
        "it, and it is smaller. What goes together need not cause each other. WHOOP's app fills in “no” "
        "by itself, so differences can be larger than they look here.</p></section>"
    )


def _effect(row: Row) -> str:
    name, say, less, more = _OUTCOMES[row["outcome"]]
    difference = row["difference"]
    low, high = sorted((abs(row["difference_low"]), abs(row["difference_high"])))
    when = ", one night later" if row["lag_days"] else ""
    return (
        f"<div><dt>{escape(row['question'])}</dt>"
        f"<dd>{name} {say(abs(difference))} {less if difference < 0 else more}{when}; probably between {say(low)} and "
        f"{say(high)}. <strong>{escape(row['verdict'].capitalize())}.</strong></dd>"
        f'<dd class="when">{words.counted(row["days_with"], "day")} with yes, {row["days_without"]} with no</dd></div>'
    )
