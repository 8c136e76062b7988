"""WHOOP data in your own database, as Dagster assets partitioned by WHOOP day.

For another deployment: `from whoop_assets import WhoopResource, whoop_definitions` (docs/reuse.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whoop_assets.defs.component import whoop_definitions
    from whoop_assets.defs.resources import WhoopResource

__all__ = ["WhoopResource", "whoop_definitions"]


def __getattr__(name: str) -> Any:
    # Only when asked for: the command line and the HTTP service start without Dagster.
    if name == "whoop_definitions":
        from whoop_assets.defs.component import whoop_definitions

        return whoop_definitions
    if name == "WhoopResource":
        from whoop_assets.defs.resources import WhoopResource

        return WhoopResource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
