"""A stand-in for the WHOOP platform: OAuth, the member-data API, its rate limits and its quirks."""
