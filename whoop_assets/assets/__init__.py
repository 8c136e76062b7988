"""The assets: what Dagster keeps up to date, one partition a WHOOP day."""
