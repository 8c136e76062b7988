"""The windows of all trends: their lengths, how many values each needs, and how far a changed day reaches.

Every number that decides when a measure is given, and when it is NULL, stands here.
"""

ACUTE, FORTNIGHT, CHRONIC, LONG = 7, 14, 28, 60
"""Lengths in days. A window ends with the day itself; the one that a z-score looks at ends the day before."""

ROLLING = (ACUTE, CHRONIC, LONG)

LEAST = {ACUTE: 4, FORTNIGHT: 7, CHRONIC: 14, LONG: 30}
"""So many of a window's days must have a value: about half. Days without one are missing, not zero."""

EWMA_DAYS = LONG
"""An exponentially weighted mean looks back so far and no farther, so that a changed day reaches finitely many others.

What is cut off weighs 0.75^60 < 0.0000001 of the mean of 7 days, and (27/29)^60 = 1.4% of that of 28.
"""

STREAK_DAYS = LONG
"""A streak is counted so far: 60 says "60 or more"."""

BACK_DAYS = max(LONG - 1, CHRONIC, EWMA_DAYS - 1, STREAK_DAYS - 1)
"""A day's measures depend on that day and on so many days before it, and on no other."""

REACH_DAYS = BACK_DAYS
"""A changed day changes the measures of that day and of so many days after it at most, and of no day before it."""
