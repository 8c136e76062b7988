"""The asset graph's place in a deployment: its key prefix, its group, its days, and the names that follow from them.

Everything that Dagster must not confuse with another's (keys, jobs, sensors, the resource) takes its name from here, so
that the graph can stand beside other assets, and twice.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import cast

import dagster as dg

from whoop_assets.defs.partitions import daily, weekly
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import ConfigurationError

OURS = ("whoop",)
"""The prefix of this project's own deployment, whose jobs, sensors and schedules have short names."""

_PART = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Graph:
    """Where the assets stand. `group` is that of the daily assets; the others have it as the beginning of theirs.

    Raises ConfigurationError for names that Dagster does not take.
    """

    prefix: tuple[str, ...] = OURS
    group: str = "whoop"
    start_date: date = date(2020, 1, 1)
    timezone: str = "UTC"
    webhook_wait: timedelta = timedelta(0)
    """How long a tick of the webhook sensor waits for an event if none is due."""

    def __post_init__(self) -> None:
        for what, names in (("key prefix", self.prefix), ("group", (self.group,))):
            if not names or not all(_PART.fullmatch(name) for name in names):
                raise ConfigurationError(
                    f"The {what} {'/'.join(names)!r} cannot be used: give one or more words of letters, digits and"
                    " underscores."
                )

    @cached_property
    def days(self) -> dg.DailyPartitionsDefinition:
        """One partition a WHOOP day."""
        return daily(self.start_date, self.timezone)

    @cached_property
    def weeks(self) -> dg.WeeklyPartitionsDefinition:
        """One partition an ISO week."""
        return weekly(self.start_date, self.timezone)

    def name(self, plain: str) -> str:
        """The name here of a job, a sensor, a schedule or an op."""
        return plain if self.prefix == OURS else "_".join((*self.prefix, plain))

    @property
    def resource_key(self) -> str:
        """Under which the WhoopResource stands among the deployment's resources."""
        return "_".join(self.prefix)

    def group_of(self, word: str) -> str:
        """The name of the group beside the daily assets' that ends in this word; theirs without one."""
        return f"{self.group}_{word}" if word else self.group

    def resource_in(self, context: object) -> WhoopResource:
        """The resource, from the context of a step, a check, a sensor or a schedule."""
        return cast(WhoopResource, getattr(context.resources, self.resource_key))  # type: ignore[attr-defined]

    def members_config(self, members: Iterable[int]) -> dict[str, object]:
        """The run config that narrows a run to these members."""
        return {"resources": {self.resource_key: {"config": {"members": list(members)}}}}

    def key(self, asset: str) -> dg.AssetKey:
        """The key of one of our assets."""
        return dg.AssetKey([*self.prefix, asset])

    def keys(self, assets: Iterable[str]) -> list[dg.AssetKey]:
        """The keys of some of our assets, in their order."""
        return [self.key(asset) for asset in assets]

    def ours_among(self, keys: Iterable[dg.AssetKey]) -> list[str]:
        """The names of those keys that stand below our prefix."""
        return [key.path[-1] for key in keys if tuple(key.path[:-1]) == self.prefix]

    def has_part_in(self, run: dg.DagsterRun) -> bool:
        """Whether the run materializes or checks assets of ours, or is of one of our jobs."""
        if run.asset_selection:
            return bool(self.ours_among(run.asset_selection))
        if run.asset_check_selection:
            return bool(self.ours_among(key.asset_key for key in run.asset_check_selection))
        # Nothing selected: a job as a whole. Dagster's own job of all assets holds ours too.
        return run.job_name in {self.name(job) for job in JOBS} or run.job_name.startswith("__")


JOBS = ("refresh", "check", "keep_tokens", "journal")
