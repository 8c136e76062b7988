"""The windows of all trends: their lengths, how many values each needs, and how far a changed day reaches.

Every number that decides when a measure is given, and when it is NULL, stands here.
"""

ACUTE, FORTNIGHT, THREE_WEEKS, CHRONIC, LONG = 7, 14, 21, 28, 60
"""Lengths in days. A window ends with the day itself; the 28 days of a usual value end the day before."""

ROLLING = (ACUTE, CHRONIC, LONG)

LEAST = {ACUTE: 4, FORTNIGHT: 7, THREE_WEEKS: 11, CHRONIC: 14, LONG: 30}
"""Length of a window -> values that it needs, about half. Days without a value are missing, not zero."""

MIN_CV_VALUES = 5
"""Values that the variability of 7 days of HRV needs (Flatt & Esco 2015, Int J Sports Physiol Perform 10:994)."""

MIN_MONOTONY_VALUES = 7
"""Values that monotony needs: the standard deviation of 4 values has a standard error of 39%."""

MIN_WEEKEND_NIGHTS, MIN_WEEKDAY_NIGHTS = 4, 10
"""Nights that social jetlag needs: half of the 8 weekend nights and 20 others of 28 days."""

STREAK_DAYS = LONG
"""A streak is counted so far: 60 says "60 or more"."""

BACK_DAYS = max(LONG - 1, CHRONIC + ACUTE - 1, ACUTE + LONG - 1, STREAK_DAYS - 1)
"""A day's measures depend on that day and on this many days before it, and on no other day."""

REACH_DAYS = BACK_DAYS
"""A changed day changes the measures of that day and of so many days after it at most, and of no day before it."""
