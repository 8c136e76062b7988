"""The request budget that all processes share."""
