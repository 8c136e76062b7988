"""The assets."""

import warnings

import dagster as dg

# Dagster 1.13 calls these features beta. Without the filters, each of five processes warns once per asset.
for _message in (
    r"Parameter `backfill_policy` of",
    r"Parameter `allow_nonexistent_upstream_partitions` of",
    r"Class `LocalFileCodeReference` is",
    r"Class `CodeReferencesMetadataValue` is",
):
    warnings.filterwarnings("ignore", message=_message, category=dg.BetaWarning)
