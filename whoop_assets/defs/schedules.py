"""Jobs for people, and schedules for fixed times. A tick uses only SQL. Sensors request the readings."""

import inspect
from collections.abc import Iterable
from typing import Any

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import lane_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import RECONNECT
from whoop_assets.journal.rebuild import count_answers
from whoop_assets.tokens import keep_alive

CHECK_DAILY = """Runs all checks over all members and days once a day.

Runs that sensors request leave out the checks of all data."""


class Automation:
    """The jobs and schedules of one namespace."""

    def __init__(
        self,
        namespace: AssetNamespace,
        days: Iterable[dg.AssetKey],
        journal: Iterable[dg.AssetKey],
        checks: Iterable[dg.AssetCheckKey],
    ) -> None:
        resource = {namespace.resource_key}
        refresh = dg.define_asset_job(
            namespace.name("refresh"),
            selection=dg.AssetSelection.assets(*days),
            description="Reads the chosen days of every member and rebuilds their summaries. The sensor"
            " `due_readings` requests all regular readings.",
        )
        check = dg.define_asset_job(
            namespace.name("check"),
            selection=dg.AssetSelection.checks(*checks),
            description="Checks that the stored data fit together and that no reading is overdue. Reads"
            " nothing from WHOOP.",
        )

        follow = dg.define_asset_job(
            namespace.name("journal"),
            selection=dg.AssetSelection.assets(*journal),
            description="Joins imported journal answers with recoveries and compares them. Reads nothing"
            " from WHOOP.",
        )

        @dg.op(name=namespace.name("renew_unused_tokens"), required_resource_keys=resource)
        def renew(context: dg.OpExecutionContext) -> None:
            renew_unused_tokens(context, namespace.resource_in(context))

        @dg.job(
            name=namespace.name("keep_tokens"),
            description="Renews tokens that no request has used for some days.",
        )
        def keep_tokens() -> None:
            renew()

        @dg.schedule(
            name=namespace.name("keep_tokens_alive"),
            description=inspect.cleandoc(tokens_due.__doc__ or ""),
            job=keep_tokens,
            cron_schedule="45 * * * *",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            required_resource_keys=resource,
        )
        def keep_tokens_alive(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            return tokens_due(namespace.resource_in(context))

        @dg.schedule(
            name=namespace.name("check_daily"),
            description=CHECK_DAILY,
            job=check,
            cron_schedule="15 9 * * *",
            execution_timezone=namespace.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        def check_daily() -> dg.RunRequest:
            return dg.RunRequest(tags=lane_tags("schedule"))

        @dg.schedule(
            name=namespace.name("follow_journal"),
            description=inspect.cleandoc(journal_due.__doc__ or ""),
            job=follow,
            cron_schedule="45 9 * * *",
            execution_timezone=namespace.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            required_resource_keys=resource,
        )
        def follow_journal(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            return journal_due(namespace.resource_in(context))

        self.jobs: list[Any] = [refresh, keep_tokens, check, follow]
        self.schedules = [keep_tokens_alive, check_daily, follow_journal]


def renew_unused_tokens(context: dg.OpExecutionContext, whoop: WhoopResource) -> None:
    """Renew unused tokens.

    A member's failure does not affect other members; the run fails if a retry may help.
    """
    done = keep_alive.keep_alive(whoop.connection)
    for cause in [*done.to_reconnect.values(), *done.failed.values()]:
        context.log.warning(cause)
    metadata: dict[str, dg.MetadataValue | str | int] = {"renewed": len(done.renewed)}
    if done.to_reconnect:
        metadata["members_to_reconnect"] = f"{', '.join(map(str, done.to_reconnect))}: run `{RECONNECT}`"
    context.add_output_metadata(metadata)
    if done.failed:
        raise dg.Failure(
            f"The tokens of member {', '.join(map(str, done.failed))} could not be renewed; the next tick"
            f" tries again.",
            metadata={
                "causes": dg.MetadataValue.md("\n".join(f"- {cause}" for cause in done.failed.values()))
            },
            allow_retries=False,
        )


def tokens_due(whoop: WhoopResource) -> dg.RunRequest | dg.SkipReason:
    """Finds tokens that no request has used for some days, every hour, so that they do not expire."""
    due, _ = keep_alive.due(whoop.database)
    if not due:
        return dg.SkipReason(f"All tokens were renewed within the last {keep_alive.RENEW_AFTER.days} days.")
    return dg.RunRequest(tags=lane_tags("schedule"))


def journal_due(whoop: WhoopResource) -> dg.RunRequest | dg.SkipReason:
    """Builds the journal once a day if one was imported, because the recoveries beside it can change."""
    with whoop.database.read() as connection:
        answers = count_answers(connection)
    if not answers:
        return dg.SkipReason("No journal was imported. `whoop-assets import` imports the app's export.")
    return dg.RunRequest(tags=lane_tags("schedule"))
