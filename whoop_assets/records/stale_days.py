"""The ledger of stale days: which member-days changed since their daily summary was built."""

from whoop_assets.records.ledgers import Ledger, StaleDay
from whoop_assets.records.tables import stale_days

__all__ = ["STALE_DAYS", "StaleDay", "changed_since", "clear", "generations", "mark", "stale"]

STALE_DAYS = Ledger(stale_days)

mark = STALE_DAYS.mark
stale = STALE_DAYS.stale
generations = STALE_DAYS.generations
clear = STALE_DAYS.clear
changed_since = STALE_DAYS.changed_since
