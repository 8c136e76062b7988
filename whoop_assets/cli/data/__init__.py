"""Commands that import, export and show data."""
