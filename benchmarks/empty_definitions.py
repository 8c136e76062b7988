"""The project's definitions with nothing in the assets' functions, as a code location of its own serves them."""

from benchmarks.empty_bodies import with_empty_bodies
from whoop_assets.definitions import defs as real

defs = with_empty_bodies(real)
