"""The assets of the journal in the app's export.

They have no partitions, because an export is imported as a whole and an effect covers all days. They have
their own group, because a job of daily assets cannot contain assets without partitions. `whoop-assets import`
builds both.
"""

from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import Partitions, asset
from whoop_assets.defs.assets.summaries import daily_summary
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.journal.rebuild import rebuild_effects, rebuild_journal
from whoop_assets.journal.tables import EFFECT_SOURCES, JOURNAL_SOURCES

JOURNAL_GROUP = "journal"


@asset(
    partitions=Partitions.NONE,
    group=JOURNAL_GROUP,
    kinds={"csv"},
    deps=[daily_summary],
    table="journal",
    sources=JOURNAL_SOURCES,
)
def journal(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Answers of the app's journal, one row per member, day and question.

    Each row also has the recovery that follows the answer.

    They come with `whoop-assets import`; the API does not give them. `day` is the WHOOP day of the morning on
    which the member answered.
    """
    members = [member.user_id for member in whoop.chosen_members()]
    built = rebuild_journal(whoop.database, members)
    return dg.MaterializeResult(metadata={"dagster/row_count": built.rows, "changed": built.changed})


@asset(
    partitions=Partitions.NONE,
    group=JOURNAL_GROUP,
    kinds={"python"},
    deps=[journal, daily_summary],
    table="journal_effects",
    sources=EFFECT_SOURCES,
)
def journal_effects(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Recovery, HRV, resting heart rate and sleep on the days with each habit against those without.

    Differences are corrected for drift, weekday and the number of tests; `verdict` says strong, weak or
    cannot tell. NULL, with the reason in `missing`, with fewer than ten days of either kind. It is no proof
    of causes.
    """
    members = [member.user_id for member in whoop.chosen_members()]
    built = rebuild_effects(whoop.database, members)
    return dg.MaterializeResult(metadata={"dagster/row_count": built.rows, "changed": built.changed})
