"""Jobs: what people start by name. What runs by itself is asked for by the sensors (`planned_runs`, `sensors`)."""

import dagster as dg

everything = dg.AssetSelection.groups("whoop")

refresh = dg.define_asset_job(
    "refresh",
    selection=everything,
    description="Read the asked days of every member and rebuild their summaries. Started by people: what needs to be "
    "read without being asked for is found by the sensor `due_readings`.",
)
