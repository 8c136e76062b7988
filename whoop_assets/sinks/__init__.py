"""Where data go from the warehouse, each an optional extra and off until configured: no Dagster in here, and
no SQL.
"""
