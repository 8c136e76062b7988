"""Executes one Dagster run in this process for a range of days of all daily assets.

The run belongs to the project's instance: the UI shows it with its metadata and checks.
"""

import hashlib
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from whoop_assets.cli.backfill.run_watcher import Watcher

if TYPE_CHECKING:
    import dagster as dg

BACKFILL_TAG = "whoop/backfill"
INCOMPLETE_TAG = "whoop/incomplete"
"""On a run in which a load failed, though Dagster counts the run as a success: connecting forgets the failure
itself."""

NO_RETRIES_TAG = "dagster/max_retries"
MAX_EARLIER_RUNS = 10


@dataclass(frozen=True, slots=True)
class BackfillRange:
    """The days to materialize, both included, and the members; no members: all.

    `name` describes the request if it is not these fixed days, for example the last six months.
    """

    first: date
    last: date
    members: tuple[int, ...] = ()
    name: str = ""

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def holds(self, user_id: int, day: date) -> bool:
        """Return whether the run materializes this member's day."""
        return self.first <= day <= self.last and (not self.members or user_id in self.members)

    @property
    def digest(self) -> str:
        """Name of the work, by which the command finds an unfinished run again."""
        what = self.name or f"{self.first}:{self.last}"
        return hashlib.sha256(f"{what}:{sorted(set(self.members))}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """The result of a run."""

    run_id: str
    success: bool
    seconds: float


def unfinished_since(instance: "dg.DagsterInstance", wanted: BackfillRange) -> datetime | None:
    """Return the time since which an unfinished run of this range has been reading.

    None if there is no run to resume.

    A run is finished if it succeeded and no load failed.
    """
    import dagster as dg

    from whoop_assets.defs.assets.loading import MAX_CLOCK_SKEW, MAX_RESUME_AGE, SINCE_TAG

    earlier = instance.get_run_records(
        dg.RunsFilter(tags={BACKFILL_TAG: wanted.digest}), limit=MAX_EARLIER_RUNS
    )
    for record in earlier:  # newest first
        if (
            record.dagster_run.is_success and INCOMPLETE_TAG not in record.dagster_run.tags
        ) or record.create_timestamp.replace(tzinfo=UTC) < datetime.now(UTC) - MAX_RESUME_AGE:
            return None
        carried = record.dagster_run.tags.get(SINCE_TAG)
        if carried is not None:
            return datetime.fromisoformat(carried)
        if record.start_time is not None:
            return datetime.fromtimestamp(record.start_time, UTC) - MAX_CLOCK_SKEW
        # It was interrupted before it started to read, so the run before it counts.
    return None


def run_range(
    instance: "dg.DagsterInstance", wanted: BackfillRange, watcher: Watcher, *, since: datetime | None
) -> BackfillResult:
    """Materialize the daily assets for the range and pass each event to the watcher. Returns failures too."""
    import dagster as dg

    from whoop_assets.definitions import defs
    from whoop_assets.defs.assets.loading import SINCE_TAG, lane_tags
    from whoop_assets.defs.partitions import range_tags

    tags = range_tags(wanted.first, wanted.last) | lane_tags("backfill") | {BACKFILL_TAG: wanted.digest}
    tags[NO_RETRIES_TAG] = "0"  # this command resumes its own runs, the daemon must not
    if since is not None:
        tags[SINCE_TAG] = since.isoformat()
    # A Ctrl-C can strike while a connection is given back; that is no news.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    job = defs.resolve_implicit_global_asset_job_def()
    run_id = str(uuid.uuid4())
    instance.add_event_listener(run_id, watcher.see)
    began = time.monotonic()
    try:
        result = job.execute_in_process(
            run_config={
                # The command reports errors itself; Dagster's log of the run is in its instance.
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "resources": {"whoop": {"config": {"members": list(wanted.members)}}},
            },
            instance=instance,
            asset_selection=daily_assets(),
            run_id=run_id,
            tags=tags,
            raise_on_error=False,
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        _cancel(instance, run_id)
        raise KeyboardInterrupt from None
    if watcher.interrupted:
        raise KeyboardInterrupt
    return BackfillResult(run_id, result.success, time.monotonic() - began)


def daily_assets() -> "list[dg.AssetKey]":
    """The assets of our own deployment that a run of a range of days holds: not the sinks."""
    from whoop_assets.definitions import NAMESPACE
    from whoop_assets.defs.definitions import daily_keys

    return daily_keys(NAMESPACE)


def _cancel(instance: "dg.DagsterInstance", run_id: str) -> None:
    """Mark the run as canceled."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run, "Interrupted on the command line.")
