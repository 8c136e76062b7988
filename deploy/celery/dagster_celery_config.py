"""How Celery's workers work: `celery -A dagster_celery.app worker` with this folder on PYTHONPATH finds this
by name.

(`dagster-celery worker start -y` would write the broker's URL, password and all, into a file below
DAGSTER_HOME.)
"""

from os import environ

broker_url = environ["DAGSTER_CELERY_BROKER_URL"]
result_backend = broker_url
broker_connection_retry_on_startup = True

# Each run has its own process, as in the other deployments, so its memory is freed at its end.
worker_max_tasks_per_child = 1

# A worker takes a run only when it can start it. A run that waits in a busy worker could time out while other
# hosts are idle.
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# Longer than any run: after this time Redis gives a task to a second worker although the first still works
# on it.
task_acks_late = False
