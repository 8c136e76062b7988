"""The project's definitions with nothing in the assets' functions, as a code location of its own serves them."""

from benchmarks.empty_bodies import with_empty_bodies
from whoop_assets import definitions

# Not `from ... import defs`: Dagster takes a module with two Definitions for a mistake.
defs = with_empty_bodies(definitions.defs)
