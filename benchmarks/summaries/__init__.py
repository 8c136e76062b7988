"""Summaries, trends, journal effects and checks: cost and accuracy."""
