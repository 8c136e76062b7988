"""The parts of Dagster without a public name that this project needs. No other module imports private names.

The event log storages subclass Dagster's own: Dagster's documentation names these classes by this path, as a
value for `event_log_storage` in dagster.yaml, and exports them nowhere else. A command opens the instance of
a given folder with its own setting for compute logs, which `DagsterInstance.get()` cannot.
"""

from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable, SqliteEventLogStorage

__all__ = [
    "NO_COMPUTE_LOGS",
    "InstanceRef",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
]

NO_COMPUTE_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
"""The setting of dagster.yaml under which runs write no compute logs."""
