"""The app's "Data Export": parses, stores and matches it, and fills days without data from the API."""
