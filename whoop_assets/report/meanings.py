"""The report's last section: the meaning of each number, in words that need no statistics."""

MEANINGS = (
    (
        "Recovery",
        "WHOOP's score of how ready your body is, 0 to 100 %. Green from 67, yellow from 34, red below. A difference of two "
        "scores is in points.",
    ),
    (
        "HRV",
        "Heart rate variability (RMSSD): how much the time between heartbeats varies while you sleep, in thousandths of a "
        "second (ms). People differ widely, so compare it only with your own.",
    ),
    ("Resting heart rate", "Heartbeats a minute (bpm) while you sleep."),
    (
        "Your usual",
        "The range in which about two of three of your days lie: the average of the 28 days before the day, and one standard "
        "deviation (the typical distance of a day from that average) to either side. It needs 14 days with a value.",
    ),
    (
        "Your normal HRV",
        "The average of your last 7 nights is compared with the 60 nights before them. Within normal: less than half a standard "
        "deviation away. It moves more slowly than a single night, and shows where you are heading.",
    ),
    (
        "Sleep need",
        "WHOOP's estimate, before that night, of how long you should sleep, in hours and minutes.",
    ),
    (
        "Sleep balance",
        "Sleep less need, added up over 7 nights: short if you slept less than you needed, over if more. Whether long nights make up for "
        "short ones is not known, so look at whether it is like your usual.",
    ),
    (
        "Strain",
        "WHOOP's score of how hard your heart worked, 0 to 21. Each point is harder to reach than the one before. A day still going on "
        "has its strain so far, which counts in no average.",
    ),
    (
        "Rule of thumb for strain",
        "14 to 18 after a green recovery, 10 to 14 after yellow, up to 10 after red. It is this project's own, not WHOOP's "
        "target, and nobody has tested it.",
    ),
    (
        "Weeks",
        "Averages of days that have a value; a dash if fewer than four have one. Green, yellow and red are days of that recovery.",
    ),
)
"""Pairs of a name on the page and its meaning."""


def section() -> str:
    """The meanings as a list."""
    entries = "".join(f"<div><dt>{name}</dt><dd>{meaning}</dd></div>" for name, meaning in MEANINGS)
    return (
        '<section aria-labelledby="meanings"><h2 id="meanings">What the numbers mean</h2>'
        f"<dl>{entries}</dl></section>"
    )
