"""Watching a run: what its events say is added up here, and shown by a display.

The listener is called within the run, so it only counts; nothing is written and nothing asked.
"""

from collections import Counter
from typing import TYPE_CHECKING

from whoop_assets.errors import WhoopError

if TYPE_CHECKING:
    from dagster import EventLogEntry, SerializableErrorInfo

    from whoop_assets.cli.backfill.progress import Display

WARNING, ERROR = 30, 40
_INTERRUPTED = "DagsterExecutionInterruptedError"
_STEP_PREFIX = "whoop__"
_ROWS = "dagster/partition_row_count"
_COMPUTED = ("daily_summary", "trends")
"""These assets change derived rows, not records."""


class Watcher:
    """The figures of one run."""

    def __init__(self, display: "Display") -> None:
        self._display = display
        self.planned: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.figures: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.failed: set[str] = set()
        self.cause: str | None = None
        self.interrupted = False

    def see(self, entry: "EventLogEntry") -> None:
        """Process one event of the run."""
        event = entry.dagster_event
        if event is None:
            if entry.level == WARNING:
                self.warnings.append(entry.user_message)
            elif isinstance(entry.level, int) and entry.level >= ERROR and entry.step_key:
                asset = entry.step_key.removeprefix(_STEP_PREFIX)
                self.failed.add(asset)
                self._display.failed(asset, entry.user_message)
            return
        kind = event.event_type_value
        if kind == "ASSET_MATERIALIZATION_PLANNED" and event.asset_key is not None:
            self.planned[event.asset_key.path[-1]] += 1
            self._display.planned(self.planned.total())
        elif kind == "STEP_START" and event.step_key:
            asset = event.step_key.removeprefix(_STEP_PREFIX)
            if asset in self.planned:  # the steps of checks are not
                self._display.began(asset)
        elif kind == "ASSET_MATERIALIZATION" and event.asset_key is not None:
            asset = event.asset_key.path[-1]
            for name, value in event.step_materialization_data.materialization.metadata.items():
                if name == _ROWS:
                    self.rows[asset] += int(str(value.value))
                elif isinstance(value.value, int | float) and asset not in _COMPUTED:
                    self.figures[name] += int(value.value)
            self.done[asset] += 1
            if asset not in self.failed:
                self._display.materialized(asset, self.done[asset])
        elif kind == "STEP_FAILURE":
            error = event.step_failure_data.error
            self.interrupted |= error is not None and error.cls_name == _INTERRUPTED
            self.cause = self.cause or _sentence(error)


def _sentence(error: "SerializableErrorInfo | None") -> str:
    """Return the error of a step: our sentence, or the first line of another error."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "a step failed"
    known = {cls.__name__ for cls in _family(WhoopError)}
    message = str(error.message).strip()
    name, _, text = message.partition(": ")
    return text if name.rpartition(".")[2] in known and text else message.splitlines()[0]


def _family(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(_family(child) for child in root.__subclasses__()))
