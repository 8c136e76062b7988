"""Definitions with empty asset functions, for a separate code location."""

from benchmarks.runs.empty_bodies import with_empty_bodies
from whoop_assets import definitions

# Not `from ... import defs`: Dagster rejects a module with two Definitions.
defs = with_empty_bodies(definitions.defs)
