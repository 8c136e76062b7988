"""What should be read next, in which lane and why: a pure function of the ledgers, the budget and the clock."""

from whoop_assets.ingest.planning.planner import plan
from whoop_assets.ingest.planning.readings import LANES_IN_ORDER, Plan, Reading, Reason, Rules

__all__ = ["LANES_IN_ORDER", "Plan", "Reading", "Reason", "Rules", "plan"]
