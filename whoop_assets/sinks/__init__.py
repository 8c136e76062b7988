"""Sinks: destinations of the data outside the database. Each is an optional extra.

A sink is off until it is configured. This package imports no Dagster.
"""
