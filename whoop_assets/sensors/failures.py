"""The sensor of failed runs: it logs, and alerts whoever is configured. Its HTTP is the one exception to SQL only."""

import dagster as dg

from whoop_assets import alerts
from whoop_assets.assets.loading import LANE_TAG
from whoop_assets.errors import ConfigurationError
from whoop_assets.ingest.event_load import LANE
from whoop_assets.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.settings import Settings

MOST_STEPS = 5


@dg.run_failure_sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Log every run that failed for good, and send an alert where WHOOP_ALERT_URL or WHOOP_ALERT_SMTP_URL say.

    A run that Dagster will try again is no alert yet; of a run for events only the first attempt is, as the event tries
    again by itself and is parked, visibly, when that comes to nothing.
    """
    run = context.dagster_run
    if run.tags.get("dagster/will_retry") == "true":
        return dg.SkipReason(f"Run {run.run_id} failed and will be tried again.")
    if run.tags.get(LANE_TAG) == LANE and run.tags.get(ATTEMPT_TAG, "1") != "1":
        return dg.SkipReason(f"Run {run.run_id} failed, as an attempt at the same events had before.")
    alert = alert_of(run, sorted({event.step_key or "" for event in context.get_step_failure_events()}))
    context.log.error(alert.sentence)
    try:
        problems = alerts.send(alert, Settings.from_environment())
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
