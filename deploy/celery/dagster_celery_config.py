"""How Celery's workers work: `celery -A dagster_celery.app worker` with this folder on PYTHONPATH finds this
by name.

(`dagster-celery worker start -y` would write the broker's URL, password and all, into a file below
DAGSTER_HOME.)
"""

from os import environ

broker_url = environ["DAGSTER_CELERY_BROKER_URL"]
result_backend = broker_url
broker_connection_retry_on_startup = True

# A run has its process to itself, as it has everywhere else; what it took of memory goes with it.
worker_max_tasks_per_child = 1

# A worker takes a run only when it can begin it: one that lay in a busy worker's hands would be lost time, or
# time out, while other hosts are idle.
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# A run is never handed out twice: Redis would give a long one to a second worker while the first is still at
# it.
task_acks_late = False
