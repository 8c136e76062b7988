"""The planner and the request budget on a simulated clock."""
