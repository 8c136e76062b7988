"""Checks: what is wrong with the data or with reading them, naming members by their WHOOP user id."""

import dagster as dg

from whoop_assets.assets.daily_summary import daily_summary
from whoop_assets.resources import WhoopResource
from whoop_assets.warehouse import failures


@dg.asset_check(asset=daily_summary, blocking=True)
def loads_complete(context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """Every member's streams were read. Runs last: a run ends red only after all that could be written was.

    An ERROR is a failure of this run that may pass by itself, so that trying the run again makes sense; what waits for
    a human (a member to reconnect) is a WARN, which does not turn runs red for ever.
    """
    with whoop.database.read() as connection:
        of_this_run = failures.open_failures(connection, run_id=context.run.run_id)
        everything = failures.open_failures(connection)
    passing = [failure for failure in of_this_run if failure.transient]
    shown = of_this_run or everything
    rows = [
        dg.TableRecord(
            {
                "member": failure.user_id,
                "stream": failure.stream,
                "days": f"{failure.first_day} to {failure.last_day}",
                "cause": failure.cause,
            }
        )
        for failure in shown
    ]
    if not rows:
        return dg.AssetCheckResult(passed=True)
    members = sorted({failure.user_id for failure in shown})
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR if passing else dg.AssetCheckSeverity.WARN,
        description=f"{len(rows)} loads of members {', '.join(map(str, members))} did not complete: {shown[0].cause}",
        metadata={"failures": dg.MetadataValue.table(rows)},
    )
