"""A Dagster project that loads its definitions from the folder `defs`."""
