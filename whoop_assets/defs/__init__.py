"""Dagster definitions and extensions, one module per subject."""
