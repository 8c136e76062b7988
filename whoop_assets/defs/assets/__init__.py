"""The assets: what Dagster keeps up to date, one partition a WHOOP day, and one a week."""

import warnings

import dagster as dg

# Ranges in a single run hang on `backfill_policy`, which Dagster still calls beta. Its warning, once an asset
# in each of five processes, would bury everything else. So would that of the one mapping of weeks to days, which has
# days that have no partition; no other beta feature is silenced.
warnings.filterwarnings("ignore", message=r"Parameter `backfill_policy` of", category=dg.BetaWarning)
warnings.filterwarnings(
    "ignore", message=r"Parameter `allow_nonexistent_upstream_partitions` of", category=dg.BetaWarning
)
