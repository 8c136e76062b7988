"""The asset of Notion pages, one per member and WHOOP day. It exists only if Notion is configured."""

from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import asset
from whoop_assets.defs.assets.loading import materialized
from whoop_assets.defs.assets.summaries import daily_summary
from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import WhoopError
from whoop_assets.report.formatting import counted
from whoop_assets.sinks.notion.pages import page_counts
from whoop_assets.sinks.notion.sync import Done, sync

NOTION = "notion"
MAX_NAMED = 5


@asset(group=NOTION, kinds={"notion"}, deps=[daily_summary])
def notion_daily(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """One Notion page per member and day, with the properties of the mapping.

    Other content of a page is not changed.

    Requires NOTION_TOKEN and WHOOP_NOTION_DATA_SOURCE (docs/notion.md). An unchanged summary costs no
    request. A page in Notion's trash is neither restored nor created again.
    """
    first, last = first_and_last(context.partition_keys)
    members = [member.user_id for member in whoop.chosen_members()]
    try:
        to, done = sync(whoop.settings(), whoop.database, members, first, last)
    except WhoopError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    with whoop.database.read() as connection:
        pages = page_counts(connection, to.source, members, first, last)
    for user_id, day in done.twice:
        context.log.warning(
            f"Member {user_id}, {day}: Notion has more than one page; the oldest is kept up to date."
        )
    for (user_id, day), cause in done.refused.items():
        context.log.error(f"Member {user_id}, {day}: {cause}")
    figures = figures_of(done)
    if (problem := problem_of(done)) is not None:
        raise dg.Failure(problem, metadata=figures, allow_retries=False)
    return materialized(context, pages, figures)


def figures_of(done: Done) -> dict[str, Any]:
    """Return the figures of the run."""
    names = (
        "created",
        "adopted",
        "updated",
        "emptied",
        "unchanged",
        "in_bin",
        "gone",
        "held",
        "lost",
        "requests",
        "retries",
        "limited",
    )
    figures: dict[str, Any] = {name: getattr(done, name) for name in names}
    return figures | {"refused": len(done.refused), "waited_seconds": round(done.waited_seconds, 3)}


def problem_of(done: Done) -> str | None:
    """Return a sentence about pages that were not written; None if all were."""
    if done.obstacle is not None:
        return f"{done.obstacle} The remaining pages stay stale and are retried."
    if done.refused:
        days = [f"{day} of member {user_id}" for user_id, day in list(done.refused)[:MAX_NAMED]]
        more = f" and {len(done.refused) - MAX_NAMED} more" if len(done.refused) > MAX_NAMED else ""
        return (
            f"Notion refused the pages of {', '.join(days)}{more}: {next(iter(done.refused.values()))} All"
            " other pages are written."
        )
    if done.lost:
        return (
            f"Notion did not answer {counted(done.lost, 'request')} for a new page and made none."
            " A later run repeats them. All other pages are written."
        )
    return None
