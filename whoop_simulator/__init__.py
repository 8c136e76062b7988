"""A stand-in for the WHOOP platform: OAuth, the member-data API, its limits and its quirks."""
