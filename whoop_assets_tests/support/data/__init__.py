"""Records, daily rows and exports for tests, and comparisons with stored rows."""
