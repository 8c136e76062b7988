"""Sensors. Ticks use only SQL and end in bounded time."""
