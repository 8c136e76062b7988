"""What the team makes of the data: an asset of its own, below one of WHOOP's."""

import dagster as dg
from sqlalchemy import create_engine, text


@dg.asset(key_prefix="health", group_name="health", deps=[dg.AssetKey(["health", "whoop", "daily_summary"])])
def sleep_report() -> dg.MaterializeResult:
    """How many nights there are, and their mean length, over all members."""
    engine = create_engine(dg.EnvVar("TEAM_DATABASE_URL").get_value())
    with engine.connect() as connection:
        nights, minutes = connection.execute(
            text("select count(sleep_id), avg(sleep_duration_minutes) from daily_summary")
        ).one()
    return dg.MaterializeResult(metadata={"nights": nights, "mean_minutes": float(minutes or 0)})
