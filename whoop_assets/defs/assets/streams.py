"""The assets that read WHOOP, one per stream of the registry."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import WHOOP, AssetFactory, Body
from whoop_assets.defs.assets.loading import load
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.whoop_api.streams import CYCLES, PROFILE, SNAPSHOT_STREAMS, STREAMS, SnapshotStream, Stream

_CALENDAR = "They are the calendar: a cycle's day is the local date of its start plus twelve hours."
_BY_CYCLE = "Each record belongs to the WHOOP day of its cycle."
_SNAPSHOT = (
    "WHOOP keeps no history: only the partition of today reads it. A past day has the snapshot that was read"
    " on it, if any."
)


def _read(stream: str) -> Body:
    def read(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
        return load(context, whoop, stream)

    return read


def _records(stream: Stream, *deps: AssetFactory) -> AssetFactory:
    return AssetFactory(
        _read(stream.name),
        frozenset({WHOOP}),
        asset_name=stream.name,
        description=f"{_sentence(stream.provides)}\n\n{_BY_CYCLE if deps else _CALENDAR}",
        deps=deps,
        table=stream.name,
        with_freshness=stream is CYCLES,
    )


def _snapshot(stream: SnapshotStream) -> AssetFactory:
    return AssetFactory(
        _read(stream.name),
        frozenset({WHOOP}),
        asset_name=stream.name,
        description=f"Each member's {stream.provides} on that day.\n\n{_SNAPSHOT}",
        table=stream.table,
        pii="identity" if stream.identifies else "health",
        with_freshness=stream is PROFILE,
    )


def _sentence(phrase: str) -> str:
    return f"{phrase[0].upper()}{phrase[1:]}."


cycles = _records(CYCLES)

RECORD_ASSETS: Mapping[str, AssetFactory] = {
    name: cycles if stream is CYCLES else _records(stream, cycles) for name, stream in STREAMS.items()
}
SNAPSHOT_ASSETS: Mapping[str, AssetFactory] = {
    name: _snapshot(stream) for name, stream in SNAPSHOT_STREAMS.items()
}
profile = SNAPSHOT_ASSETS[PROFILE.name]

STREAM_ASSETS: Mapping[str, AssetFactory] = {**SNAPSHOT_ASSETS, **RECORD_ASSETS}
"""Stream -> the asset that reads it."""
