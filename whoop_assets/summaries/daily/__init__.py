"""Compute daily summaries from records: pure functions of rows."""
