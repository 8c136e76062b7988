"""The asset namespace: key prefix, group, partitions and names.

Dagster must not confuse these names with those of another namespace.

Asset keys, jobs, sensors, ops and the resource take their names from the namespace. So the assets can stand
beside other assets, and twice in one deployment.
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

DEFAULT_PREFIX = ("whoop",)
"""The key prefix of this project's own deployment. Only under it are the names of jobs, sensors and schedules
short."""

DEFAULT_OWNERS = ("team:whoop",)
JOBS = ("refresh", "check", "keep_tokens", "journal")

_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class AssetNamespace:
    """Where the assets stand in a deployment.

    Raises:
        ConfigurationError: Dagster does not accept the prefix or the group.
    """

    prefix: tuple[str, ...] = DEFAULT_PREFIX
    group: str = "whoop"
    """Group of the daily assets. The names of the other groups begin with it."""
    start_date: date = date(2020, 1, 1)
    timezone: str = "UTC"
    webhook_wait: timedelta = timedelta(0)
    """How long a tick of the webhook sensor waits for an event if none is due."""
    owners: tuple[str, ...] = DEFAULT_OWNERS
    storage_kind: str = ""
    """`sqlite` or `postgres`; empty if the database URL is not usable."""
    table_qualifier: str = ""
    """Prefix of the names of tables: database and schema."""
    freshness: timedelta | None = None
    """Age at which `profile` and `cycles` count as not fresh. None: they have no freshness policy."""

    def __post_init__(self) -> None:
        for label, names in (("key prefix", self.prefix), ("group", (self.group,))):
            if not names or not all(_NAME.fullmatch(name) for name in names):
                raise ConfigurationError(
                    f"The {label} {'/'.join(names)!r} cannot be used: give one or more words of letters,"
                    " digits and underscores."
                )

    @cached_property
    def days(self) -> dg.DailyPartitionsDefinition:
        """One partition per WHOOP day."""
        return daily(self.start_date, self.timezone)

    @cached_property
    def weeks(self) -> dg.WeeklyPartitionsDefinition:
        """One partition per ISO week."""
        return weekly(self.start_date, self.timezone)

    def name(self, short_name: str) -> str:
        """Return the name of a job, sensor, schedule or op in this namespace."""
        return short_name if self.prefix == DEFAULT_PREFIX else "_".join((*self.prefix, short_name))

    @property
    def resource_key(self) -> str:
        """Key of the WhoopResource among the deployment's resources."""
        return "_".join(self.prefix)

    def group_of(self, suffix: str) -> str:
        """Return the group whose name ends in the suffix; with an empty one that of the daily assets."""
        return f"{self.group}_{suffix}" if suffix else self.group

    def resource_in(self, context: object) -> WhoopResource:
        """Return the resource from the context of a step, check, sensor or schedule."""
        return cast(WhoopResource, getattr(context.resources, self.resource_key))  # type: ignore[attr-defined]

    def members_config(self, members: Iterable[int]) -> dict[str, object]:
        """Return the run config that limits a run to these members."""
        return {"resources": {self.resource_key: {"config": {"members": list(members)}}}}

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of an asset."""
        return dg.AssetKey([*self.prefix, asset])

    def keys(self, assets: Iterable[str]) -> list[dg.AssetKey]:
        """Return the keys of assets, in their order."""
        return [self.key(asset) for asset in assets]

    def ours_among(self, keys: Iterable[dg.AssetKey]) -> list[str]:
        """Return the names of the keys that stand directly under the prefix."""
        return [key.path[-1] for key in keys if tuple(key.path[:-1]) == self.prefix]

    def has_part_in(self, run: dg.DagsterRun) -> bool:
        """Return whether the run belongs to a job of this namespace, or to its assets or checks."""
        if run.asset_selection:
            return bool(self.ours_among(run.asset_selection))
        if run.asset_check_selection:
            return bool(self.ours_among(key.asset_key for key in run.asset_check_selection))
        # A run without a selection is a whole job. Dagster's own job of all assets contains the namespace
        # too.
        return run.job_name in {self.name(job) for job in JOBS} or run.job_name.startswith("__")
