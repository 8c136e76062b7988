"""The sensor of failed runs: it logs, and alerts whoever is configured. Its HTTP is the one exception to SQL only."""

import inspect

import dagster as dg

from whoop_assets.defs import alerts
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import LANE_TAG, SINK_TAG
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.errors import ConfigurationError
from whoop_assets.sync.event_load import LANE

MOST_STEPS = 5


def failed_runs(namespace: AssetNamespace, whoop: WhoopResource) -> dg.SensorDefinition:
    """The sensor that hears of the failed runs in which this graph has a part, and of no others."""

    # Dagster hands such a sensor resources by the names of its arguments alone, and ours stands under another's name.
    def tick(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if not namespace.has_part_in(context.dagster_run):
            return dg.SkipReason(f"Run {context.dagster_run.run_id} is none of ours.")
        with whoop.process_config_and_initialize_cm() as opened:
            return tell(context, opened)

    return dg.run_failure_sensor(
        name=namespace.name("failed_runs"),
        description=inspect.cleandoc(tell.__doc__ or ""),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )(tick)


def tell(context: dg.RunFailureSensorContext, whoop: WhoopResource) -> dg.SkipReason | None:
    """Log every run that failed for good, and send an alert where WHOOP_ALERT_URL or WHOOP_ALERT_SMTP_URL say.

    A run that Dagster will try again is no alert yet; of a run for events or of a sink only the first attempt is, as what
    it was to do is tried again by itself: an event is parked, visibly, when that comes to nothing, a sink says how it is.
    """
    run = context.dagster_run
    if run.tags.get("dagster/will_retry") == "true":
        return dg.SkipReason(f"Run {run.run_id} failed and will be tried again.")
    again = run.tags.get(ATTEMPT_TAG, "1") != "1"
    if again and (run.tags.get(LANE_TAG) == LANE or SINK_TAG in run.tags):
        return dg.SkipReason(f"Run {run.run_id} failed, as an attempt at the same work had before.")
    alert = alert_of(run, sorted({event.step_key or "" for event in context.get_step_failure_events()}))
    context.log.error(alert.sentence)
    try:
        problems = alerts.send(alert, whoop.settings())
    except ConfigurationError as error:
        problems = [str(error)]
    for problem in problems:
        context.log.warning(problem)
    return None


def alert_of(run: dg.DagsterRun, steps: list[str]) -> alerts.Alert:
    """The alert about a failed run; step names are the assets' and checks', never data."""
    where = (
        f" at {', '.join(steps[:MOST_STEPS])}"
        if steps
        else " before any step began, or was ended from outside"
    )
    job = "assets" if run.job_name.startswith("__") else run.job_name
    sentence = f"Run {run.run_id} of {job} failed{where}: its page in the Dagster UI says why."
    return alerts.Alert(job, run.run_id, sentence, run.tags.get("dagster/partition"))
