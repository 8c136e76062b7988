"""The encrypted token pairs of members, and their refresh by one process at a time."""
