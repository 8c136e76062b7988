"""Decides what to read next, in which lane and why: a pure function of ledgers, budget and clock."""

from whoop_assets.planner.fetch_tasks import LANES_IN_ORDER, FetchTask, Plan, PlannerSettings, Reason
from whoop_assets.planner.rules import plan

__all__ = ["LANES_IN_ORDER", "FetchTask", "Plan", "PlannerSettings", "Reason", "plan"]
