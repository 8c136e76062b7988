"""WHOOP data in your own database, as Dagster assets partitioned by WHOOP day.

Another deployment imports `WhoopResource` and `whoop_definitions`, or uses `WhoopComponent` (docs/reuse.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whoop_assets.defs.component import WhoopComponent
    from whoop_assets.defs.definitions import whoop_definitions
    from whoop_assets.defs.resources import WhoopResource

__all__ = ["WhoopComponent", "WhoopResource", "whoop_definitions"]

_MODULES = {
    "WhoopComponent": "whoop_assets.defs.component",
    "WhoopResource": "whoop_assets.defs.resources",
    "whoop_definitions": "whoop_assets.defs.definitions",
}


def __getattr__(name: str) -> Any:
    # Imported at first use: the command line and the HTTP service start without Dagster.
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # Dagster finds components with `dir()`.
    return sorted({*globals(), *__all__})
