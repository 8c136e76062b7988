"""Daily summaries, trends and weeks: pure functions of rows, and the store of their results."""
