"""Lengths of the windows of trends, and the number of values that each needs.

Also gives the days that depend on a changed day.
"""

ACUTE, FORTNIGHT, THREE_WEEKS, CHRONIC, LONG = 7, 14, 21, 28, 60
"""Lengths in days. A window ends on the day; that of a usual value ends on the day before."""

ROLLING = (ACUTE, CHRONIC, LONG)

MIN_VALUES = {ACUTE: 4, FORTNIGHT: 7, THREE_WEEKS: 11, CHRONIC: 14, LONG: 30}
"""Length of a window -> minimum number of values, about half. Days without a value are missing, not zero."""

MIN_CV_VALUES = 5
"""Minimum number of values for the variability of 7 days of HRV (Flatt & Esco 2015, Int J Sports Physiol
Perform 10:994)."""

MIN_MONOTONY_VALUES = 7
"""Minimum number of values for monotony: the standard deviation of 4 values has a standard error of 39%."""

MIN_WEEKEND_NIGHTS, MIN_WEEKDAY_NIGHTS = 4, 10
"""Minimum number of nights for social jetlag: half of the 8 weekend nights and 20 other nights of 28 days."""

MAX_STREAK_DAYS = LONG
"""Longest streak that is counted: 60 means "60 or more"."""

BACK_DAYS = max(LONG - 1, CHRONIC + ACUTE - 1, ACUTE + LONG - 1, MAX_STREAK_DAYS - 1)
"""A day's measures depend on that day and on this many days before it only."""

REACH_DAYS = BACK_DAYS
"""A changed day can change its own measures and those of this many days after it."""
