"""The history of a simulated member: nights, days, travel and scores."""
