"""The sensor of failed runs: it logs them and sends alerts.

Its HTTP is the exception to ticks with only SQL.
"""

import inspect

import dagster as dg

from whoop_assets.defs import alerts
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import LANE_TAG, SINK_TAG
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.errors import ConfigurationError
from whoop_assets.sync.events.event_load import LANE

MAX_STEPS = 5


def failed_runs(namespace: AssetNamespace, whoop: WhoopResource) -> dg.SensorDefinition:
    """Create the sensor of failed runs of a namespace."""

    # Dagster passes resources to such a sensor by argument name, and our resource has another name.
    def tick(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if not namespace.has_part_in(context.dagster_run):
            return dg.SkipReason(f"Run {context.dagster_run.run_id} belongs to other assets.")
        with whoop.process_config_and_initialize_cm() as opened:
            return tell(context, opened)

    return dg.run_failure_sensor(
        name=namespace.name("failed_runs"),
        description=inspect.cleandoc(tell.__doc__ or ""),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )(tick)


def tell(context: dg.RunFailureSensorContext, whoop: WhoopResource) -> dg.SkipReason | None:
    """Log each finally failed run, and send an alert to WHOOP_ALERT_URL and WHOOP_ALERT_SMTP_URL.

    A run that Dagster retries causes no alert. Of runs for events and sinks only the first failed attempt
    does, because their work is retried.
    """
    run = context.dagster_run
    if run.tags.get("dagster/will_retry") == "true":
        return dg.SkipReason(f"Run {run.run_id} failed and will be tried again.")
    again = run.tags.get(ATTEMPT_TAG, "1") != "1"
    if again and (run.tags.get(LANE_TAG) == LANE or SINK_TAG in run.tags):
        return dg.SkipReason(f"Run {run.run_id} failed again at the same work.")
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
    """Return the alert about a failed run. Names of steps contain no data."""
    where = (
        f" at {', '.join(steps[:MAX_STEPS])}"
        if steps
        else " before the first step, or was ended from outside"
    )
    job = "assets" if run.job_name.startswith("__") else run.job_name
    sentence = f"Run {run.run_id} of {job} failed{where}: its page in the Dagster UI says why."
    return alerts.Alert(job, run.run_id, sentence, run.tags.get("dagster/partition"))
