"""Jobs and schedules: what people start by name, and what runs by itself at fixed times. A tick does SQL only.

What has to be read, and when, is no fixed time: the sensors ask for it (`sensors`).
"""

import dagster as dg

from whoop_assets.assets.loading import LANE_TAG
from whoop_assets.errors import RECONNECT
from whoop_assets.ingest import keep_alive
from whoop_assets.resources import WhoopResource
from whoop_assets.settings import Settings

everything = dg.AssetSelection.groups("whoop")

refresh = dg.define_asset_job(
    "refresh",
    selection=everything,
    description="Read the asked days of every member and rebuild their summaries. Started by people: what needs to be "
    "read without being asked for is found by the sensor `due_readings`.",
)


check = dg.define_asset_job(
    "check",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Look whether all that is stored fits together, and whether reading goes on; reads nothing from WHOOP.",
)


@dg.op
def renew_unused_tokens(context: dg.OpExecutionContext, whoop: WhoopResource) -> None:
    """Renew what is due. One member's failure costs no other member anything; what may pass is shown as a failed run."""
    done = keep_alive.keep_alive(whoop.connection)
    for cause in [*done.to_reconnect.values(), *done.failed.values()]:
        context.log.warning(cause)
    metadata: dict[str, dg.MetadataValue | str | int] = {"renewed": len(done.renewed)}
    if done.to_reconnect:
        metadata["members_to_reconnect"] = f"{', '.join(map(str, done.to_reconnect))}: run `{RECONNECT}`"
    context.add_output_metadata(metadata)
    if done.failed:
        raise dg.Failure(
            f"The tokens of member {', '.join(map(str, done.failed))} could not be renewed; the next tick tries again.",
            metadata={
                "causes": dg.MetadataValue.md("\n".join(f"- {cause}" for cause in done.failed.values()))
            },
            allow_retries=False,
        )


@dg.job(description="Renew the tokens that nothing has used for some days.")
def keep_tokens() -> None:
    renew_unused_tokens()


@dg.schedule(job=keep_tokens, cron_schedule="45 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def keep_tokens_alive(whoop: WhoopResource) -> dg.RunRequest | dg.SkipReason:
    """Every hour: look for tokens that nothing has used for some days, so that a quiet month does not end in a new consent."""
    due, _ = keep_alive.due(whoop.database)
    if not due:
        return dg.SkipReason(f"All tokens were renewed within the last {keep_alive.RENEW_AFTER.days} days.")
    return dg.RunRequest(tags={LANE_TAG: "schedule"})


@dg.schedule(
    job=check,
    cron_schedule="15 9 * * *",
    execution_timezone=Settings.from_environment().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def check_daily() -> dg.RunRequest:
    """Once a day, when the night is usually here: every check, over all members and days.

    The runs that sensors ask for leave out the checks that look at everything; this one sees that they are looked at.
    """
    return dg.RunRequest(tags={LANE_TAG: "schedule"})
