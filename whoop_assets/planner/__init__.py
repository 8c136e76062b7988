"""What should be read next, in which lane and why: a pure function of the ledgers, the budget and the clock."""

from whoop_assets.planner.fetch_tasks import LANES_IN_ORDER, Plan, Reading, Reason, Rules
from whoop_assets.planner.rules import plan

__all__ = ["LANES_IN_ORDER", "Plan", "Reading", "Reason", "Rules", "plan"]
