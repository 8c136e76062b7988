"""Compute trends from daily rows: pure functions, vectorised over members and days."""
