"""The assets: what Dagster keeps up to date, one partition a WHOOP day."""

import warnings

import dagster as dg

# Ranges in a single run hang on `backfill_policy`, which Dagster still calls beta. Its warning, once an asset
# in each of five processes, would bury everything else; no other beta feature is silenced.
warnings.filterwarnings("ignore", message=r"Parameter `backfill_policy` of", category=dg.BetaWarning)
